"""Grad modes: `no_grad`, `enable_grad` and `set_grad_enabled`, as context managers and decorators, per thread."""

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, overload

from tracegraph import _state

_Function = TypeVar("_Function", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """Whether operations on this thread record what backward needs."""
    return _state.local.grad_enabled


class GradMode:
    """A grad mode as context manager (re-entrant) and as decorator of functions."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(_state.local.grad_enabled)
        _state.local.grad_enabled = self.mode

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _state.local.grad_enabled = self._previous.pop()

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function, which then runs in this mode.

        Raises:
            TypeError: for a generator or a coroutine function.
        """
        mode = self.mode
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError("a grad mode decorates plain functions; use it as a context manager inside generators")

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with GradMode(mode):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class set_grad_enabled(GradMode):  # noqa: N801
    """Turn gradients on or off: at once by calling it,
    and as a context manager until the block's end (as PyTorch's).
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._outer = _state.local.grad_enabled
        _state.local.grad_enabled = mode

    def __enter__(self) -> None:
        self._previous.append(self._outer)
        _state.local.grad_enabled = self.mode

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function; the mode outside is as it was before this object was made."""
        _state.local.grad_enabled = self._outer
        return super().__call__(function)


@overload
def no_grad(function: _Function, /) -> _Function: ...
@overload
def no_grad() -> GradMode: ...
def no_grad(function: Callable[..., Any] | None = None, /) -> Any:
    """Turn gradients off for the block of a `with`, or for a function that it decorates, with or without brackets.

    >>> x = tracegraph.tensor(2.0, requires_grad=True)
    >>> with tracegraph.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    mode = GradMode(False)
    return mode if function is None else mode(function)


@overload
def enable_grad(function: _Function, /) -> _Function: ...
@overload
def enable_grad() -> GradMode: ...
def enable_grad(function: Callable[..., Any] | None = None, /) -> Any:
    """Turn gradients on for a block or a function, also within `no_grad`."""
    mode = GradMode(True)
    return mode if function is None else mode(function)
