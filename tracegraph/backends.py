"""Settings of PyTorch's backends that scripts read and write; here they change nothing."""

from typing import Final


class _Backend:
    """The settings of one backend: it is not there, any attribute can be set."""

    def is_available(self) -> bool:
        """Whether the backend can be used: no."""
        return False

    def is_built(self) -> bool:
        """Whether the library was built with the backend: no."""
        return False


class _Cudnn(_Backend):
    """The settings of cuDNN."""

    enabled = True
    benchmark = False
    deterministic = False


cudnn: Final = _Cudnn()
mps: Final = _Backend()
