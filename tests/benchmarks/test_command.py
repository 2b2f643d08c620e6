"""`python -m benchmarks`: its options, tables and files, and what it does when a process ends or a result is wrong."""

import importlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import chart, processes, report, rounds, variants
from benchmarks.workloads import WORKLOADS

command = importlib.import_module("benchmarks.__main__")
OURS = [variants.NUMPY, variants.EAGER, variants.TRACED]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON of a short run."""
    file = tmp_path_factory.mktemp("run") / "run.json"
    status = command.main([
        "times", "costs", "--only", "pointwise-small", "gelu", "--variants", *OURS, variants.JAX, "--quick",
        "--rounds", "2", "--scale", "0.02", "--json", str(file),
    ])  # fmt: skip
    assert status == 0
    return file


def test_json_holds_what_the_documentation_says(written: Path) -> None:
    found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    assert list(found) == ["format", "machine", "settings", "times", "costs", "starts"]
    assert found["format"] == 1
    assert list(found["machine"]) == ["processor", "cores", "load", "system", "python", "versions"]
    assert found["settings"] == {
        "threads": 2, "rounds": 2, "start_rounds": 1, "turn_seconds": 0.005, "scale": 0.02, "isolated": False,
        "variants": [*OURS, variants.JAX],
    }  # fmt: skip
    assert list(found["times"]) == list(found["costs"]) == ["pointwise-small", "gelu"]
    assert found["starts"] == {}
    for name in OURS:
        record = found["times"]["pointwise-small"][name]
        assert record["status"] == "ok"
        assert set(record) == {
            "status", "message", "error", "calls", "first_calls_seconds", "seconds", "median", "min", "max",
        }  # fmt: skip
        assert len(record["seconds"]) == 2
        assert 0 < record["min"] <= record["median"] <= record["max"]
        assert 0 <= record["error"] < 1e-6
    assert found["times"]["gelu"][variants.NUMPY]["status"] == "absent"
    both = found["costs"]["gelu"]
    assert set(both) == {"dynamic", "static"}
    common = {"python_calls", "c_calls", "bytes_read", "bytes_written", "allocations", "allocated_bytes", "seconds"}
    assert set(both["dynamic"]) == common | {"operations"}
    assert set(both["static"]) == common | {
        "recorded_operations", "kernels", "native_steps", "host_steps", "arena_bytes", "unshared_arena_bytes",
        "verdict", "reasons", "traces",
    }  # fmt: skip
    documented = (processes.ROOT / "benchmarks" / "results" / "README.md").read_text(encoding="utf-8")
    for key in (*found, *found["machine"], *found["settings"], *record, *both["dynamic"], *both["static"]):
        assert f"`{key}`" in documented, key


def test_a_file_prints_the_same_tables_and_draws(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--from-json", str(written), "--reference", variants.EAGER]) == 0
    shown = capsys.readouterr().out
    assert "pointwise-small" in shown
    assert "/eager" in shown
    assert "static" in shown
    pytest.importorskip("matplotlib")
    picture = tmp_path / "run.png"
    chart.draw(json.loads(written.read_text(encoding="utf-8")), picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_list_names_every_workload(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in WORKLOADS)


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "sofmax"])
    assert "sofmax" in capsys.readouterr().err


def test_a_process_that_ends_is_told_and_started_again() -> None:
    with processes.Players([variants.NUMPY], threads=1, turn=0.001, isolate=True) as players:
        player = players.of[variants.NUMPY]
        asked = {"command": "prepare", "workload": "chain", "variant": variants.NUMPY, "scale": 1.0}
        assert player.ask(**asked)["status"] == "ok"
        assert player._process is not None
        player._process.kill()
        with pytest.raises(processes.ProcessError, match="process of numpy ended with status -9"):
            player.ask(command="turn", variant=variants.NUMPY)
        assert player.ask(**asked)["status"] == "ok"


def test_what_a_library_raises_is_a_result() -> None:
    class Broken:
        def answer(self, request: dict[str, Any]) -> dict[str, Any]:
            raise NotImplementedError(f"no {request['command']}\nand more")

    answers = io.StringIO()
    importlib.import_module("benchmarks.worker").serve(Broken(), io.StringIO('{"command": "turn"}\n'), answers)
    assert json.loads(answers.getvalue()) == {"status": "failed", "message": "NotImplementedError: no turn"}


def test_wrong_and_failed_variants_are_shown_and_told() -> None:
    results = {
        "chain": {
            variants.EAGER: rounds.Measurement("ok", calls=1, seconds=[4e-6, 3e-6, 2e-6]),
            variants.TRACED: rounds.Measurement("wrong", "result 0 is off by 1"),
            variants.TORCH: rounds.Measurement("absent"),
        }
    }
    names = [variants.EAGER, variants.TRACED, variants.TORCH]
    shown = report.times_table(results, names, [variants.EAGER]).splitlines()
    assert shown[2].split() == ["chain", "3.00", "us", "WRONG", "-", "-"]
    assert shown[3].split() == ["-33..+33%"]
    assert report.faults(results) == ["chain, traced: wrong: result 0 is off by 1"]


def test_the_ratio_is_taken_within_rounds() -> None:
    slow = rounds.Measurement("ok", seconds=[2.0, 40.0, 4.0])
    fast = rounds.Measurement("ok", seconds=[1.0, 20.0, 1.0])
    assert rounds.ratio(slow, fast) == 2.0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1.234e-6, "1.23 us"),
        (12.34e-6, "12.3 us"),
        (123.4e-6, "123 us"),
        (2e-3, "2.00 ms"),
        (2.0, "2.00 s"),
        (1e-8, "0.01 us"),
    ],
)
def test_durations_have_three_digits(seconds: float, shown: str) -> None:
    assert report.duration(seconds) == shown
