"""The disk cache: damage, missing folders, foreign files, eviction, several processes, and what changes a key."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.runtime.conftest import ROOT, RunPython
from tests.runtime.helpers import kernel_source
from tracegraph.runtime import EntrySpec, Program, cache, cache_info, clear_cache, load_program
from tracegraph.runtime.errors import ArgumentError
from tracegraph.runtime.program import program_key

TEXT = kernel_source({"x": "float32"}, "x[i] = x[i] + float32(3.0)", 10)
SPEC = EntrySpec((("float32", 1, True),))


def _load_and_check() -> Program:
    cache.clear_memory()
    program = load_program(TEXT, entry=SPEC)
    x = np.ones(10, dtype=np.float32)
    assert program.entry(np.zeros(2, dtype=np.uint64), x) == 0
    np.testing.assert_array_equal(x, 4.0)
    return program


def _file(folder: pathlib.Path) -> pathlib.Path:
    return folder / (program_key(TEXT, SPEC) + ".tgp")


def test_the_second_process_loads_what_the_first_compiled(cache_folder: pathlib.Path, run_python: RunPython) -> None:
    code = f"""
import sys, numpy as np
from tracegraph.runtime import EntrySpec, load_program, cache_info
program = load_program({TEXT!r}, entry=EntrySpec((("float32", 1, True),)))
x = np.ones(10, dtype=np.float32)
assert program.entry(np.zeros(2, dtype=np.uint64), x) == 0 and (x == 4).all()
print(program.origin, "numba" in sys.modules)
"""
    assert run_python(code, TRACEGRAPH_CACHE_DIR=str(cache_folder)).split() == ["compiled", "True"]
    assert run_python(code, TRACEGRAPH_CACHE_DIR=str(cache_folder)).split() == ["disk", "False"]


def test_importing_the_runtime_does_not_import_numba(run_python: RunPython) -> None:
    code = "import sys, tracegraph.runtime as r; r.cache_info(); print('numba' in sys.modules)"
    assert run_python(code).split() == ["False"]


def test_hits_and_misses_are_counted(cache_folder: pathlib.Path) -> None:
    before = cache_info()
    assert _load_and_check().origin == "compiled"
    assert _load_and_check().origin == "disk"
    load_program(TEXT, entry=SPEC)
    after = cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)
    assert after.memory_hits == before.memory_hits + 1
    assert after.directory == cache_folder
    assert after.entries == 1
    assert after.bytes == _file(cache_folder).stat().st_size


@pytest.mark.parametrize("damage", ["empty", "short", "header", "flipped", "longer", "text", "folder"])
def test_a_damaged_file_is_replaced(cache_folder: pathlib.Path, damage: str) -> None:
    _load_and_check()
    path = _file(cache_folder)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    broken = {
        "empty": b"", "short": content[:-1], "header": content[:10], "flipped": bytes(flipped),
        "longer": content + b"x", "text": b"not ours" * 20, "folder": b"",
    }  # fmt: skip
    path.write_bytes(broken[damage])
    if damage == "folder":
        path.unlink()
        path.mkdir()
    failures = cache_info().failures
    assert _load_and_check().origin == "compiled"
    assert cache_info().failures > failures
    if damage != "folder":
        assert path.read_bytes()[:8] == content[:8]
        assert _load_and_check().origin == "disk"


def test_sound_wrapping_around_nonsense_is_replaced(cache_folder: pathlib.Path) -> None:
    _load_and_check()
    for payload in (b"", b"\x05\0\0\0nonsense", b"\x0e\0\0\0" + b'{"imports":[]}' + b"no object code"):
        assert cache.write(program_key(TEXT, SPEC), payload)
        assert _load_and_check().origin == "compiled"
    assert _load_and_check().origin == "disk"


def test_a_file_in_the_place_of_the_folder_costs_time_only(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("in the way")
    monkeypatch.setenv("TRACEGRAPH_CACHE_DIR", str(obstacle))
    failures = cache_info().failures
    assert _load_and_check().origin == "compiled"
    assert cache_info().failures > failures
    assert cache_info().entries == 0
    assert clear_cache() == 0
    assert obstacle.read_text() == "in the way"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="ownership is a notion of POSIX")
def test_files_of_another_user_are_not_read(cache_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _load_and_check()
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    assert _load_and_check().origin == "compiled"


@pytest.mark.skipif(os.name != "posix", reason="permission bits are a notion of POSIX")
def test_the_folder_is_private(cache_folder: pathlib.Path) -> None:
    _load_and_check()
    assert cache_folder.stat().st_mode & 0o077 == 0


def test_the_least_recently_used_files_go(cache_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = bytes(1000)
    for number in range(4):
        assert cache.write(f"key{number}", payload)
        os.utime(cache_folder / f"key{number}.tgp", (number, number))
    assert cache.read("key0") == payload
    monkeypatch.setenv("TRACEGRAPH_CACHE_SIZE", "3K")
    assert cache.write("key4", payload)
    kept = sorted(path.name for path in cache_folder.iterdir())
    assert kept == ["key0.tgp", "key4.tgp"]


def test_a_size_of_zero_turns_the_cache_off(cache_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CACHE_SIZE", "0")
    assert _load_and_check().origin == "compiled"
    assert _load_and_check().origin == "compiled"
    assert cache_info().entries == 0


@pytest.mark.parametrize(
    ("text", "limit"), [("", 512 * 2**20), ("700", 700), ("3k", 3072), ("2M", 2**21), ("1G", 2**30)]
)
def test_size_limits(text: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CACHE_SIZE", text)
    assert cache.size_limit() == limit


def test_a_wrong_size_limit_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CACHE_SIZE", "lots")
    with pytest.raises(ArgumentError, match="TRACEGRAPH_CACHE_SIZE must be a number of bytes"):
        cache.size_limit()


def test_the_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("TRACEGRAPH_CACHE_DIR", raising=False)
    monkeypatch.setattr(pathlib.Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    for platform, parts in [("linux", [".cache"]), ("darwin", ["Library", "Caches"]), ("win32", ["AppData", "Local"])]:
        monkeypatch.setattr(sys, "platform", platform)
        assert cache.cache_directory() == tmp_path.joinpath(*parts, "tracegraph")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_directory() == tmp_path / "xdg" / "tracegraph"


def test_clearing_empties_memory_and_disk(cache_folder: pathlib.Path) -> None:
    program = _load_and_check()
    assert clear_cache() == 1
    assert list(cache_folder.iterdir()) == []
    assert load_program(TEXT, entry=SPEC) is not program


def test_stale_temporary_files_are_swept(cache_folder: pathlib.Path) -> None:
    assert cache.write("key", b"payload")
    stale, fresh = cache_folder / "stale.tmp", cache_folder / "fresh.tmp"
    stale.write_bytes(b"")
    fresh.write_bytes(b"")
    os.utime(stale, (1, 1))
    assert cache.write("key", b"payload")
    assert not stale.exists()
    assert fresh.exists()


def test_keys_depend_on_source_and_entry() -> None:
    other = EntrySpec((("float32", 1, True),), release_gil=True)
    keys = {
        program_key(TEXT, SPEC),
        program_key(TEXT + " ", SPEC),
        program_key(TEXT, other),
        program_key(TEXT, EntrySpec()),
    }
    assert len(keys) == 4
    assert program_key(TEXT, EntrySpec((("float32", 1, True),))) == program_key(TEXT, SPEC)


def test_two_processes_compile_at_once(cache_folder: pathlib.Path) -> None:
    code = f"""
import numpy as np
from tracegraph.runtime import EntrySpec, load_program
program = load_program({TEXT!r}, entry=EntrySpec((("float32", 1, True),)))
x = np.ones(10, dtype=np.float32)
assert program.entry(np.zeros(2, dtype=np.uint64), x) == 0 and (x == 4).all()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)])}
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", code], env=environment) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert _load_and_check().origin == "disk"
    assert not list(cache_folder.glob("*.tmp"))
