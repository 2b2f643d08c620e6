"""NumPy's words for functions that take `dim`: `axis` for `dim`, `keepdims` for `keepdim`; `out` is refused."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

from tracegraph.runtime.errors import ArgumentTypeError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_NUMPY_WORDS: Final = {"dim": "axis", "keepdim": "keepdims"}
_MISSING: Final[Any] = inspect.Parameter.empty


def accept_numpy_names(function: _Function) -> _Function:
    """The function with NumPy's words for its parameters `dim` and `keepdim`; itself if it has none of them.

    The wrapper is written out with the function's own parameters, because one with `*args, **kwargs` costs three times
    as much.
    """
    parameters = list(inspect.signature(function).parameters.values())
    names = {parameter.name for parameter in parameters}
    words = {word: other for word, other in _NUMPY_WORDS.items() if word in names}
    variadic = any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters)
    if not words or variadic:
        return function
    extra = [*words.values(), "out"]
    name = function.__name__
    declared, passed, held = _written(parameters, extra)
    asked = [f"{word} is not MISSING" for word in extra]
    first = min(position for position, parameter in enumerate(parameters) if parameter.name in words)
    asked += [f"{parameter.name} is MISSING" for parameter in parameters[first:] if parameter.default is _MISSING]
    source = (
        f"def {name}({declared}):\n"
        f"    if {' or '.join(asked)}:\n"
        f"        return renamed(function, {{{held}}})\n"
        f"    return function({passed})\n"
    )
    namespace = {"function": function, "renamed": _renamed, "MISSING": _MISSING}
    namespace |= {f"default_{parameter.name}": parameter.default for parameter in parameters}
    exec(compile(source, f"{__file__}:{name}", "exec"), namespace)
    return functools.wraps(function)(namespace[name])  # type: ignore[return-value]


def _written(parameters: list[inspect.Parameter], extra: list[str]) -> tuple[str, str, str]:
    """Source text: the parameters with the further keywords, the arguments of the call, both as items of a dict."""
    declared, passed, held = [], [], []
    keywords = defaults = False
    for parameter in parameters:
        name = parameter.name
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            declared.append("*")
            keywords = True
        defaults = defaults or parameter.default is not _MISSING or name in _NUMPY_WORDS
        declared.append(f"{name}=default_{name}" if defaults else name)
        passed.append(f"{name}={name}" if keywords else name)
        held.append(f"{name!r}: {name}")
    declared += ([] if keywords else ["*"]) + [f"{name}=MISSING" for name in extra]
    held += [f"{name!r}: {name}" for name in extra]
    return ", ".join(declared), ", ".join(passed), ", ".join(held)


def _renamed(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """The call with the arguments that were given, under the function's own words for them.

    Raises:
        ArgumentTypeError: when one argument is given under both of its words, or `out` is given.
    """
    name = function.__name__
    out = given.pop("out")
    if out is not None and out is not _MISSING:
        raise ArgumentTypeError(f"{name}: out= is not supported, results are new tensors; use out.copy_({name}(...))")
    defaults = inspect.signature(function).parameters
    for word, other in _NUMPY_WORDS.items():
        value = given.pop(other, _MISSING)
        if value is _MISSING:
            continue
        if given[word] is not defaults[word].default:
            raise ArgumentTypeError(f"{name}: {word} and {other} are two words for one argument; give one of them")
        given[word] = value
    return function(**{word: value for word, value in given.items() if value is not _MISSING})
