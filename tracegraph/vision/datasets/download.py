"""`fetch_file` downloads a file with progress and checksum; `is_intact` checks one that is there.

A file appears under its name only when all of it has come and its checksum is right.
"""

import hashlib
import http.client
import os
import pathlib
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any

from tracegraph.progress import Progress
from tracegraph.runtime.errors import ArgumentError
from tracegraph.vision.datasets.errors import DamagedFileError, DataMissingError

_CHUNK = 1 << 16
_SECONDS = 30


def checksum(path: pathlib.Path) -> str:
    """The MD5 sum of a file in hexadecimal: what the publishers of the data sets give."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def is_intact(path: pathlib.Path, md5: str | None) -> bool:
    """Whether a file is there and has its checksum, if one is known."""
    return path.is_file() and (md5 is None or checksum(path) == md5)


def require_file(path: pathlib.Path, md5: str | None, url: str) -> pathlib.Path:
    """The path of a file that is there and intact.

    Raises:
        DataMissingError: it is not there.
        DamagedFileError: it has another checksum.
    """
    if not path.is_file():
        raise DataMissingError(
            f"{path.name} is not in {path.parent}: give download=True, or put there what {url} holds"
        )
    if md5 is not None and (found := checksum(path)) != md5:
        raise DamagedFileError(
            f"{path} is damaged: its MD5 sum is {found}, that of the published file {md5}; delete it and give "
            f"download=True, or put there what {url} holds"
        )
    return path


def fetch_file(urls: Iterable[str], path: pathlib.Path, md5: str | None) -> None:
    """Download a file from the first address that gives it whole, unless it is there already.

    Raises:
        DataMissingError: no address gave it. What each said is in the message.
    """
    if is_intact(path, md5):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            _download(url, path, md5)
        except (OSError, http.client.HTTPException, DamagedFileError) as error:
            failures.append(f"{url}: {type(error).__name__}: {error}")
        else:
            return
    tried = "".join(f"\n  {failure}" for failure in failures)
    raise DataMissingError(
        f"{path.name} could not be downloaded; put it into {path.parent} by other means. Tried:{tried}"
    )


def _download(url: str, path: pathlib.Path, md5: str | None) -> None:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ArgumentError(f"downloads come by http or https, not from {url}")
    sys.stderr.write(f"downloading {url} to {path.parent}\n")
    digest = _md5()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response, part.open("wb") as file:
            length = int(response.headers.get("Content-Length") or 0)
            with Progress(length, path.name) as progress:
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    progress.advance(steps=len(chunk))
            size = file.tell()
        if length and size != length:
            raise DamagedFileError(f"{size} of {length} bytes came")
        if md5 is not None and digest.hexdigest() != md5:
            raise DamagedFileError(f"what came has the MD5 sum {digest.hexdigest()}, not {md5}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
