"""The command line, called in this process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.documents import Document
from tracegraph._version import __version__
from tracegraph.cli import main
from tracegraph.cli.bench import has_benchmarks
from tracegraph.runtime import cache_info, load_program

PROGRAM = """
from tracegraph.runtime.backends.numba_cpu.dialect import *

@program
def main(table):
    return 0
"""

MODEL = '''
"""A model for the command line."""

import tracegraph

weight = tracegraph.ones(3, 2)


def scores(x, scale=1.0):
    return tracegraph.tanh(x @ weight) * scale


@tracegraph.trace
def traced(x):
    return x + 1


def reads(x):
    return float(x.sum())


def broken(x):
    raise KeyError("no such thing")


def alone():
    return weight * 2


not_callable = 3
'''


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with functions; the current folder is its folder."""
    path = tmp_path / "cli_model.py"
    path.write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cli_model", raising=False)
    return path


@pytest.mark.parametrize("arguments", [[], ["demo"], ["inspect"], ["bench"], ["cache"], ["cache", "show"], ["info"]])
def test_help_explains(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("usage: tracegraph")
    assert captured.err == ""


@pytest.mark.parametrize("arguments", [[], ["inspect"], ["nonsense"], ["cache"], ["demo", "--epochs", "x"]])
def test_wrong_use_is_exit_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage:" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"tracegraph {__version__}"


def test_info_names_what_it_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line.split(maxsplit=1)[0] for line in lines if not line.startswith(" ")]
    assert titles == [
        "tracegraph", "python", "numpy", "numba", "llvmlite", "networkx", "platform", "processor", "features",
        "threads", "blas", "cuda", "cache",
    ]  # fmt: skip
    assert main(["info", "--all"]) == 0
    assert len(capsys.readouterr().out) >= len("\n".join(lines))


def test_cache_is_shown_and_cleared(empty_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear"]) == 0
    assert "holds no programs" in capsys.readouterr().out
    load_program(PROGRAM)
    if not cache_info().entries:
        # The program was in memory already, from another test.
        load_program(PROGRAM + "# another\n")
    held = cache_info().entries
    assert held >= 1
    assert main(["cache", "show"]) == 0
    shown = capsys.readouterr().out
    assert str(empty_cache) in shown
    assert f"programs   {held}" in shown
    assert main(["cache", "clear"]) == 1, "without a terminal nobody can say yes"
    assert cache_info().entries == held
    assert main(["cache", "clear", "--yes"]) == 0
    assert cache_info().entries == 0


def test_inspect_writes_a_report(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out" / "scores.html"
    arguments = [
        "inspect",
        f"{model}:scores",
        "--inputs",
        "ones(4, 3), scale=2.0",
        "-o",
        str(output),
        "--seconds",
        "0.05",
    ]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "scores: static" in said
    assert "native kernels" in said
    assert f"report: {output}" in said
    document = Document(output.read_text(encoding="utf-8"))
    assert document.mistakes == []
    assert document.loads == []
    assert "cli_model.py:9" in document.text


def test_inspect_takes_modules_and_traced_functions(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with model.open("a", encoding="utf-8") as file:
        file.write("\n\ndef example_inputs():\n    return tracegraph.ones(2)\n")
    assert main(["inspect", "cli_model:traced", "--seconds", "0"]) == 0
    assert "traced: static" in capsys.readouterr().out
    assert (model.parent / "traced.html").is_file()


def test_inspect_says_why_a_function_is_co_executed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", f"{model}:reads", "--inputs", "ones(3)", "--seconds", "0"]) == 0
    said = capsys.readouterr().out
    assert "reads: co-executed" in said
    assert "because it reads the value of a tensor" in said


def test_inspect_calls_a_function_without_parameters(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", f"{model}:alone", "--seconds", "0"]) == 0
    assert "alone: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "inputs", "message"),
    [
        ("cli_model.py", None, "names no function"),
        ("missing.py:f", None, "there is no file missing.py"),
        ("no_such_module:f", None, "there is no module 'no_such_module'"),
        ("cli_model.py:score", None, "did you mean 'scores'?"),
        ("cli_model.py:zzz", None, "it has scores, "),
        ("cli_model.py:not_callable", None, "is a int, not a function"),
        ("cli_model.py:scores", None, "example_inputs()"),
        ("cli_model.py:scores", "ones(2", "is not a list of arguments"),
        ("cli_model.py:scores", "unknown(2)", "NameError"),
    ],
)
@pytest.mark.usefixtures("model")
def test_inspect_explains_what_is_missing(
    target: str, inputs: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [] if inputs is None else ["--inputs", inputs]
    assert main(["inspect", target, *given]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("tracegraph: ")
    assert captured.err.count("\n") == 1, "one line"
    assert captured.out == ""


def test_an_error_of_the_function_is_one_line_or_a_traceback(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inspect", f"{model}:broken", "--inputs", "ones(2)"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == "tracegraph: KeyError: 'no such thing' (--debug shows where)\n"
    with pytest.raises(KeyError):
        main(["--debug", *arguments])


def test_bench_outside_of_the_repository_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not has_benchmarks(str(tmp_path))
    assert main(["bench"]) == 2
    assert "checkout" in capsys.readouterr().err


def test_bench_hands_its_arguments_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tracegraph").mkdir()
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    program = "import sys\nprint(sys.argv[1:])\nsys.exit(5)\n"
    (tmp_path / "benchmarks" / "__main__.py").write_text(program, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "--", "--only", "mlp"]) == 5
    assert capfd.readouterr().out.strip() == "['--only', 'mlp']"


def test_module_is_the_command(project: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tracegraph", "--version"], cwd=project, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout.strip()) == (0, f"tracegraph {__version__}")
