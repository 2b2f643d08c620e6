"""`RemovableHandle`: what registering a hook gives back."""

from typing import Any

from tracegraph import _state


class RemovableHandle:
    """Returned by `register_hook`: `remove()` takes the hook away again; also a context manager."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; doing it twice is allowed."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)
            _state.bump_epoch()

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
