"""The errors of reading data sets."""

from tracegraph.runtime.errors import TracegraphError


class DataMissingError(TracegraphError, RuntimeError, FileNotFoundError):
    """Files of a data set are not there, and were not to be downloaded or could not be."""


class DamagedFileError(TracegraphError, RuntimeError, ValueError):
    """A file of a data set has other contents than the published ones, or not the format it should have."""
