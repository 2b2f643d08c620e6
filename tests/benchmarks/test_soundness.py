"""`python -m benchmarks soundness`: its tables, its file, and what it does when a process crashes or hangs."""

import importlib
import json
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmarks import soundness, tracers

command = importlib.import_module("benchmarks.__main__")


def serve(tracer: str, backend: str, connection: Connection) -> None:
    """A judge that answers, crashes or hangs, as it is asked."""
    while True:
        name = connection.recv()
        if name == "crash":
            os._exit(3)
        if name == "hang":
            time.sleep(60)
        connection.send({"status": "right", "why": name})


def test_json_and_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "soundness.json"
    arguments = ["soundness", "--only", "global_counter", "global_scale_rebound", "--tracers", tracers.TRACE]
    assert command.main([*arguments, "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert list(found) == ["format", "machine", "settings", "programs", "results"]
    assert found["programs"]["global_counter"]["family"] == "effects"
    record = found["results"][tracers.TRACE]["global_scale_rebound"]
    assert record == {"status": "right", "why": "", "verdict": "static", "replays": record["replays"]}
    assert record["replays"] > 0
    assert command.main(["soundness", "--from-json", str(file)]) == 0
    assert capsys.readouterr().out == shown
    documented = Path(soundness.__file__).with_name("results") / "README.md"
    for key in (*found, *found["settings"], *found["programs"]["global_counter"], *record):
        assert f"`{key}`" in documented.read_text(encoding="utf-8"), key


def test_wrong_programs_are_counted_and_listed() -> None:
    def record(status: str) -> dict[str, str]:
        return {"status": status, "why": "step 0, at result: " + "x" * 300}

    programs = {
        name: {"family": "reads", "title": "", "verdict": "static", "torch": True} for name in ("a", "b", "c", "d")
    }
    results = {"a": record("right"), "b": record("wrong"), "c": record("crashed"), "d": record("warned")}
    found = {"machine": {"versions": {"torch": "2"}}, "programs": programs, "results": {tracers.COMPILE: results}}
    assert soundness.totals_table(found).splitlines()[2].split() == ["torch.compile", *"4111010"]
    assert soundness.families_table(found).splitlines()[2].split() == ["reads", "4", "1", "2"]
    lines = soundness.faults(found, tracers.COMPILE)
    assert [line.split(":")[0] for line in lines] == [
        "torch.compile, reads.b wrong in silence",
        "torch.compile, reads.d wrong, warned",
        "torch.compile, reads.c crashes",
    ]
    assert max(map(len, lines)) < 260


def test_a_process_that_crashes_or_hangs_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracers, "serve", serve)
    judge = soundness.Judge(tracers.TRACE, "eager")
    assert judge.ask("first", 5) == {"status": "right", "why": "first"}
    assert judge.ask("crash", 5) == {"status": soundness.CRASHED, "why": "the process ended with status 3"}
    assert judge.ask("second", 5)["why"] == "second"
    assert judge.ask("hang", 0.2)["status"] == soundness.TIMED_OUT
    assert judge.ask("third", 5)["why"] == "third"
    judge.close()


def test_list_and_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["soundness", "--list"]) == 0
    assert "global_scale_rebound" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["soundness", "--only", "no_such_program"])
    assert "no_such_program" in capsys.readouterr().err


@pytest.mark.oracle
def test_torch_jit_trace_is_caught(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "soundness.json"
    only = ["global_scale_rebound", "results_are_fresh", "method_of_a_class"]
    command.main(["soundness", "--only", *only, "--tracers", tracers.JIT_TRACE, "--json", str(file)])
    results = json.loads(file.read_text(encoding="utf-8"))["results"][tracers.JIT_TRACE]
    assert [results[name]["status"] for name in only[:2]] == ["wrong", "right"]
