"""What makes a traced function look and behave like the function it was made of: its name, documentation and
signature, how it binds to instances, how it is copied and pickled.
"""

import copy
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any, Self

from tracegraph.runtime.errors import ArgumentTypeError


def _part_of_function(name: str) -> Any:
    """A property that is an attribute of the plain function, read and written through."""

    def read(self: "FunctionLike") -> Any:
        return getattr(self.function, name)

    def write(self: "FunctionLike", value: Any) -> None:
        setattr(self.function, name, value)

    return property(read, write)


class FunctionLike:
    """A callable made of another one, `function`, for which it can stand wherever functions can.

    Its own state is in slots: what is in its `__dict__` are the attributes of a function, which people set and copy.
    """

    __slots__ = ("__dict__", "__weakref__", "_binds", "function")

    __name__: str
    __qualname__: str
    __code__ = _part_of_function("__code__")
    __defaults__ = _part_of_function("__defaults__")
    __kwdefaults__ = _part_of_function("__kwdefaults__")
    __closure__ = _part_of_function("__closure__")
    __globals__ = _part_of_function("__globals__")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._binds = isinstance(function, types.FunctionType | FunctionLike)
        self._dress()

    def _dress(self) -> None:
        """Take over name, documentation, module, signature and attributes."""
        functools.update_wrapper(self, self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        raise NotImplementedError

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Where functions become methods, this does: `obj.method` has `__self__`, `__func__`, equality and a hash, and
        what `Class.method` has besides (`explain()`, `graph`, ...).
        """
        if self._binds:
            return self if instance is None else types.MethodType(self, instance)
        bind = getattr(type(self.function), "__get__", None)
        bound = self.function if bind is None else bind(self.function, instance, owner)
        return self if bound is self.function else bound

    def __copy__(self) -> Self:
        return self._of(copy.copy(self.function))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._of(copy.deepcopy(self.function, memo))

    def _of(self, function: Callable[..., Any]) -> Self:
        """A copy of a function is that function; of what has state, one that holds the state's copy."""
        return self if function is self.function else type(self)(function, *self._options())

    def _options(self) -> tuple[Any, ...]:
        """What else the class is called with to make another one like this."""
        return ()

    def __reduce__(self) -> Any:
        """Functions are pickled by name, and a decorated one is found under its name itself."""
        name = getattr(self, "__qualname__", None)
        if isinstance(name, str) and _find(getattr(self, "__module__", None), name) is self:
            return name
        return type(self), (self.function, *self._options())


class ObjectLike(FunctionLike):
    """A callable made of an object with attributes: they are read from the object and set on it."""

    __slots__ = ()

    def _dress(self) -> None:
        object.__setattr__(self, "__wrapped__", self.function)
        object.__setattr__(self, "__doc__", self.function.__doc__)
        object.__setattr__(self, "__module__", type(self.function).__module__)

    def __getattr__(self, name: str) -> Any:
        if name == "function":
            raise AttributeError(name)  # it is being made
        return getattr(self.function, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_own(type(self), name):
            object.__setattr__(self, name, value)
        else:
            setattr(self.function, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.function, name)


def _is_own(cls: type, name: str) -> bool:
    return any(name in base.__dict__ for base in cls.__mro__ if base is not object)


def _find(module: Any, qualname: str) -> Any:
    """What a module has under a qualified name, None where it has nothing."""
    found: Any = sys.modules.get(module) if isinstance(module, str) else None
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def why_plain(function: Callable[..., Any]) -> str | None:
    """Why a kind of function is never recorded, None for the kinds that are."""
    if isinstance(function, FunctionLike):
        return why_plain(function.function)
    run = function
    if not inspect.isroutine(function) and not isinstance(function, functools.partial):
        run = type(function).__call__
    if inspect.iscoroutinefunction(run):
        return "is a coroutine function: its body runs later, when it is awaited"
    if inspect.isasyncgenfunction(run):
        return "is an asynchronous generator function: its body runs later, while it is iterated over"
    if inspect.isgeneratorfunction(run):
        return "is a generator function: its body runs later, while it is iterated over"
    return None


def check_traceable(function: Any) -> None:
    """Refuse what is no function, and say what to write instead.

    Raises:
        ArgumentTypeError: when a class, a property or something that cannot be called is given.
    """
    if isinstance(function, type):
        raise ArgumentTypeError(
            f"trace takes a function, not the class {function.__name__}; decorate the methods that are to be traced, "
            "`__call__` or `forward` for example"
        )
    if isinstance(function, property | functools.cached_property):
        raise ArgumentTypeError(
            f"trace takes a function, not a {type(function).__name__}; write @trace below @{type(function).__name__}"
        )
    if not callable(function):
        raise ArgumentTypeError(f"trace takes a function, not a {type(function).__name__}")
