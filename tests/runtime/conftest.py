"""Fixtures: a private cache folder for each test, and a helper that runs Python code in a fresh process."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tracegraph.runtime import clear_cache, get_num_threads, set_num_threads

ROOT = pathlib.Path(__file__).resolve().parents[2]
RunPython = Callable[..., str]


@pytest.fixture
def cache_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty cache on disk and in memory."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TRACEGRAPH_CACHE_DIR", str(folder))
    clear_cache()
    return folder


@pytest.fixture
def two_threads() -> Iterator[None]:
    """A pool of two threads, whatever the machine."""
    before = get_num_threads()
    set_num_threads(2)
    yield
    set_num_threads(before)


@pytest.fixture
def run_python() -> RunPython:
    """Run code in a new interpreter and return what it prints; fails the test if it does not end well."""

    def run(code: str, **environment: str) -> str:
        path = os.pathsep.join([*sys.path, str(ROOT)])
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
