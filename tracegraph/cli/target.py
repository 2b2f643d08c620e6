"""`load_target("module:function")` finds a function and what to call it with, for `tracegraph inspect`."""

import contextlib
import difflib
import importlib
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import tracegraph
from tracegraph.cli.console import CommandError
from tracegraph.trace import TracedFunction, trace

EXAMPLE = "example_inputs"


@dataclass(frozen=True)
class Target:
    """A traced function and the arguments to call it with."""

    traced: TracedFunction[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]


@contextlib.contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    """Modules of a folder can be imported inside, as when Python is started there."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def load_module(name: str) -> ModuleType:
    """A module by its dotted name, or by the path of its file.

    Raises:
        CommandError: when there is none.
    """
    if name.endswith(".py") or os.sep in name:
        path = pathlib.Path(name)
        if not path.is_file():
            raise CommandError(f"there is no file {name}")
        return _load_file(path)
    with _first_on_path(os.getcwd()):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise
            raise CommandError(
                f"there is no module {name!r}; give a name that Python can import from here, or the path of a file"
            ) from error


def _load_file(path: pathlib.Path) -> ModuleType:
    name = path.stem
    specification = importlib.util.spec_from_file_location(name, path.resolve())
    if specification is None or specification.loader is None:
        raise CommandError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    # The tracer and pickles look functions up through their module's name.
    known = sys.modules.get(name)
    if known is None:
        sys.modules[name] = module
    with _first_on_path(str(path.resolve().parent)):
        try:
            specification.loader.exec_module(module)
        except BaseException:
            if known is None:
                del sys.modules[name]
            raise
    return module


def find_function(module: ModuleType, name: str) -> Any:
    """A callable of a module by its (dotted) name.

    Raises:
        CommandError: when there is none; the message lists those there are.
    """
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            candidates = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            own = [key for key in candidates if getattr(vars(module)[key], "__module__", None) == module.__name__]
            near = difflib.get_close_matches(name, candidates, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(own[:12]) or 'no functions'}"
            raise CommandError(f"{module.__name__} has no {name!r}{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise CommandError(f"{module.__name__}:{name} is a {type(found).__name__}, not a function")
    return found


def evaluate_inputs(text: str, module: ModuleType) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments written in `--inputs`: Python expressions, evaluated with the names of tracegraph and the module's.

    Raises:
        CommandError: when they are no arguments of a call, or cannot be computed.
    """
    names = {**vars(tracegraph), **vars(module), "tracegraph": tracegraph, "_call": lambda *a, **k: (a, k)}
    try:
        arguments: tuple[tuple[Any, ...], dict[str, Any]] = eval(f"_call({text}\n)", names)
    except SyntaxError as error:
        raise CommandError(f"--inputs {text!r} is not a list of arguments: {error.msg}") from error
    except Exception as error:
        what = str(error).partition("\n")[0]
        raise CommandError(f"--inputs {text!r} cannot be computed: {type(error).__name__}: {what}") from error
    return arguments


def _examples(module: ModuleType, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the module's `example_inputs()` gives: a tuple of arguments, a dict of keywords, or one argument."""
    given = getattr(module, EXAMPLE, None)
    if given is None:
        raise CommandError(
            f"nothing to call {name} with: add a function {EXAMPLE}() to {module.__name__} that returns its arguments, "
            f'or give them, as in --inputs "zeros(2, 3), 1.0"'
        )
    made = given() if callable(given) else given
    if isinstance(made, dict):
        return (), made
    return (made if isinstance(made, tuple) else (made,)), {}


def load_target(text: str, inputs: str | None = None) -> Target:
    """The function named `module:function` or `path/to/file.py:function`, traced, with its arguments.

    Args:
        text: Where the function is.
        inputs: The arguments as Python text; the module's `example_inputs()` when left out.

    Raises:
        CommandError: something named is not there.
    """
    place, separator, name = text.rpartition(":")
    if not separator or not place or not name:
        raise CommandError(f"{text!r} names no function; write module:function or path/to/file.py:function")
    module = load_module(place)
    function = find_function(module, name)
    if (
        inputs is None
        and hasattr(function, "__code__")
        and function.__code__.co_argcount == 0
        and not hasattr(module, EXAMPLE)
    ):
        inputs = ""
    arguments, keywords = _examples(module, name) if inputs is None else evaluate_inputs(inputs, module)
    return Target(function if isinstance(function, TracedFunction) else trace(function), arguments, keywords)
