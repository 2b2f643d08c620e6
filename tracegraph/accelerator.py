"""What scripts ask about accelerators, whatever their kind: there is none in this build."""


def is_available() -> bool:
    """Whether there is an accelerator: there is none.

    >>> tracegraph.accelerator.is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of accelerators."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator in use: None."""
