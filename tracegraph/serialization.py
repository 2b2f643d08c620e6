"""`save` and `load`: state dicts and checkpoints in files of the safetensors format, without code in them."""

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from tracegraph import _state, safetensors
from tracegraph.checkpoint import pack, unpack
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, FileFormatError

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


def save(obj: Any, f: "str | os.PathLike[str] | IO[bytes]", *, format: str = "safetensors") -> None:
    """Save tensors, or dicts, lists and tuples of tensors, arrays, numbers, text, bools and None.

    A file is written beside its final place and then put there, so that there is always a whole one. A dict of tensors
    is a file that other readers of safetensors read as well; in others they find the tensors under dotted names.
    Tensors that share all of their memory, such as tied weights, are stored once and share it again after `load`;
    tensors that share a part of it are stored each for itself.

    Args:
        obj: what to save, such as `{"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}`.
        f: a path, or a file opened for writing bytes.
        format: "safetensors", or "pickle" for any object that can be pickled.

    Raises:
        ArgumentTypeError: for an object that is none of these; the message says where in `obj` it is.

    >>> import io
    >>> file = io.BytesIO()
    >>> tracegraph.save({"weight": tracegraph.tensor([1.0, 2.0]), "epoch": 3}, file)
    >>> position = file.seek(0)
    >>> tracegraph.load(file)
    {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    if format not in ("safetensors", "pickle"):
        raise ArgumentError(f"save: format {format!r} is none of 'safetensors', 'pickle'")
    _tell("writes a file")
    if format == "pickle":
        with _opened(f) as file:
            pickle.dump(obj, file, protocol=4)
        return
    arrays, metadata = pack(obj)
    with _opened(f) as file:
        safetensors.write(file, arrays, metadata)


def load(f: "str | os.PathLike[str] | IO[bytes]", map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Load what `save` saved, or any file of the safetensors format, such as those of PyTorch's models.

    The tensors are read into memory of their own (the file is not mapped); bfloat16 becomes float32. With
    `weights_only=False` a pickle is read too. A pickle can run any code: only load those that you trust.

    Args:
        f: a path, or a file opened for reading bytes.
        map_location: the device for the tensors: the CPU, or None.
        weights_only: refuse pickles.

    Raises:
        FileFormatError: for a pickle (unless `weights_only=False`), a file of `torch.save`, and damaged files.
    """
    check_device("load", map_location)
    _tell("reads a file")
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _read(file, weights_only)
    if not hasattr(f, "read"):
        raise ArgumentTypeError(f"load: takes a path or a file, not a {type(f).__name__}")
    return _read(f, weights_only)


def _read(file: IO[bytes], weights_only: bool) -> Any:
    start = _up_to(file, 9)
    if start.startswith(_ZIP):
        raise FileFormatError(
            "load: this is a file of torch.save, which holds a pickle. Convert it where PyTorch is installed: "
            "`safetensors.torch.save_file(torch.load(path, weights_only=True), new_path)`, for a state dict of tensors"
        )
    if start.startswith(_PICKLE) and start[8:] != b"{":
        if weights_only:
            raise FileFormatError(
                "load: this is a pickle, which can run any code when it is loaded. If you trust where it comes from, "
                "pass weights_only=False; to be free of this, save state dicts without format='pickle'"
            )
        return pickle.load(_Continued(start, file))
    if len(start) < 9 or start[8:] != b"{":
        raise FileFormatError("load: this is no file of the safetensors format: its header does not begin with '{'")
    arrays, metadata = safetensors.read(file, start)
    return unpack(arrays, metadata)


def _up_to(file: IO[bytes], count: int) -> bytes:
    """The next bytes, fewer only at the end, from a file that may give them in parts."""
    found = bytearray()
    while len(found) < count and (part := file.read(count - len(found))):
        found += part
    return bytes(found)


class _Continued:
    """A file of which the beginning has been read already, as the unpickler reads it."""

    def __init__(self, start: bytes, file: IO[bytes]) -> None:
        self._start, self._file = start, file

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        if count < 0:
            first, self._start = self._start, b""
            return first + self._file.read()
        first, self._start = self._start[:count], self._start[count:]
        return first + _up_to(self._file, count - len(first))

    def readline(self) -> bytes:
        """The bytes up to the end of a line."""
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return bytes(line)


def _tell(what: str) -> None:
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.unsupported(what)


@contextmanager
def _opened(f: "str | os.PathLike[str] | IO[bytes]") -> Iterator[IO[bytes]]:
    """The file to write to; one named by a path gets its place when all is written."""
    if not isinstance(f, str | os.PathLike):
        if not hasattr(f, "write"):
            raise ArgumentTypeError(f"save: takes a path or a file, not a {type(f).__name__}")
        yield f
        return
    path = os.path.realpath(f)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, or those that a new one gets."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


__all__ = ["load", "save"]
