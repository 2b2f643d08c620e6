"""The errors of data loading; each inherits the builtin that PyTorch raises in its place."""

from tracegraph.runtime.errors import ArgumentError, TracegraphError


class DatasetError(ArgumentError, AssertionError):
    """Datasets or tensors do not fit together."""


class WorkerError(TracegraphError, RuntimeError):
    """A worker process ended by itself, took too long, or raised what cannot be raised again here."""
