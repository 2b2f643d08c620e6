"""Reads and writes the safetensors format: named arrays and a header of text; nothing in a file can be executed.

A file is the length of the header (8 bytes, little-endian), the header (JSON: dtype, shape and the place of each
array, and text under `__metadata__`), and the arrays without gaps
(https://huggingface.co/docs/safetensors, "Format").
"""

import io
import json
import math
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tracegraph.runtime.errors import FileFormatError

HEADER_LIMIT = 100_000_000
"""The longest header that readers of the format accept, in bytes."""
METADATA = "__metadata__"
_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}
"""How the bytes of each dtype of the format that tensors have, and of bfloat16, are read."""
_NAMES = {dtype: name for name, dtype in _DTYPES.items() if name != "BF16"}


def write(file: IO[bytes], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write named arrays, the widest elements first (so that all are aligned), and text about them.

    Raises:
        FileFormatError: for a dtype that the format has not, or too much text.
    """
    entries: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    places: dict[str, tuple[int, int]] = {}
    position = 0
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    for name in order:
        places[name] = (position, position + arrays[name].nbytes)
        position += arrays[name].nbytes
    for name, array in arrays.items():
        kind = _NAMES.get(array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype)
        if kind is None:
            raise FileFormatError(f"safetensors: {name!r} is of dtype {array.dtype}, which the format does not have")
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": list(places[name])}
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > HEADER_LIMIT:
        raise FileFormatError(f"safetensors: a header of {len(header)} bytes, the format allows {HEADER_LIMIT}")
    file.write(struct.pack("<Q", len(header)) + header)
    for name in order:
        array = arrays[name]
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        file.write(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def read(file: IO[bytes], start: bytes = b"") -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the arrays, each into memory of its own, and the text.

    `start` is what has been read of the file already. bfloat16 becomes float32, which holds each of its values.

    Raises:
        FileFormatError: for a file that is damaged, cut off or longer than its header says, arrays that overlap or
            leave gaps, and dtypes that are not supported.
    """
    first = start[:8] + _bytes(file, 8 - len(start[:8]))
    (length,) = struct.unpack("<Q", first)
    if length > HEADER_LIMIT:
        raise FileFormatError(
            f"safetensors: the header would be {length} bytes long, more than the {HEADER_LIMIT} that are allowed: the "
            "file is damaged or of another format"
        )
    rest = start[8:]
    entries = _entries(rest + _bytes(file, length - len(rest)))
    metadata = entries.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError("safetensors: __metadata__ is not a mapping of text to text")
    laid_out = {name: _layout(name, entry) for name, entry in entries.items()}
    _check_length(file, max([end for *_, end in laid_out.values()], default=0))
    found: dict[str, np.ndarray] = {}
    position = 0
    for name in sorted(laid_out, key=lambda name: laid_out[name][2:]):
        kind, shape, begin, end = laid_out[name]
        if begin != position:
            what = "overlaps with the tensor before it" if begin < position else "leaves a gap before it"
            raise FileFormatError(f"safetensors: {name!r} at bytes {begin} to {end} {what}, which ends at {position}")
        position = end
        found[name] = _array(file, name, kind, shape)
    if file.read(1):
        raise FileFormatError(f"safetensors: the file goes on after its tensors, which end at byte {position}")
    return {name: found[name] for name in entries}, metadata


def _bytes(file: IO[bytes], count: int) -> bytes:
    parts = []
    while count > 0:
        part = file.read(count)
        if not part:
            raise FileFormatError(f"safetensors: the file is cut off, {count} bytes are missing")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _entries(header: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise FileFormatError("safetensors: a name stands twice in the header")
        return found

    try:
        entries = json.loads(header.decode(), object_pairs_hook=unique)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"safetensors: the header is no JSON text ({type(error).__name__}): the file is damaged, or of another "
            "format"
        ) from None
    if not isinstance(entries, dict):
        raise FileFormatError("safetensors: the header is no JSON object")
    return entries


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _layout(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Dtype, shape, begin and end of an array, from its entry of the header."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"safetensors: the entry of {name!r} has not just dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _DTYPES:
        raise FileFormatError(
            f"safetensors: {name!r} is of dtype {kind}, which is not supported; there are {', '.join(_DTYPES)}"
        )
    if not isinstance(shape, list) or not all(map(_is_size, shape)):
        raise FileFormatError(f"safetensors: the shape of {name!r} is {shape}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_size, offsets)):
        raise FileFormatError(f"safetensors: the data_offsets of {name!r} are {offsets}")
    begin, end = offsets
    size = math.prod(shape) * _DTYPES[kind].itemsize
    if end - begin != size:
        raise FileFormatError(
            f"safetensors: {name!r} is {kind}{shape}, {size} bytes, and has {end - begin} from {begin} to {end}"
        )
    return kind, tuple(shape), begin, end


_PIECE = 1 << 24


def _check_length(file: IO[bytes], wanted: int) -> None:
    """Compare what is left of a file that can tell with what the header says, before memory is asked for."""
    try:
        here = file.tell()
        left = file.seek(0, io.SEEK_END) - here
        file.seek(here)
    except (AttributeError, OSError, TypeError):
        return
    if left < wanted:
        raise FileFormatError(f"safetensors: the file is cut off, {wanted - left} bytes of the tensors are missing")


def _array(file: IO[bytes], name: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    dtype = _DTYPES[kind]
    try:
        array = np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise FileFormatError(f"safetensors: no memory for {name!r}, {kind}{list(shape)} ({error})") from None
    view = array.reshape(-1).view(np.uint8)
    for start in range(0, len(view), _PIECE):
        count = min(_PIECE, len(view) - start)
        view[start : start + count] = np.frombuffer(_bytes(file, count), np.uint8)
    if kind == "BF16":
        return (array.astype("<u4") << 16).view("<f4").astype(np.float32, copy=False)
    if kind == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise FileFormatError(f"safetensors: {name!r} is BOOL and has bytes that are neither 0 nor 1")
    return array.astype(dtype.newbyteorder("="), copy=False)


__all__ = ["HEADER_LIMIT", "read", "write"]
