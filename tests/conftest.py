"""What every test starts from: its own kernel cache, the same random numbers, and hypothesis without surprises."""

import _thread
import os
import random
import shutil
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from tracegraph.trace import threads

CACHE_VARIABLE = "TRACEGRAPH_CACHE_DIR"
CACHE_FOLDER = pytest.StashKey[str]()

# "ci" draws the same examples every time; "explore" looks for new ones: HYPOTHESIS_PROFILE=explore pytest.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Give the session an empty kernel cache before any test module is imported; xdist workers share it."""
    if not hasattr(config, "workerinput"):
        config.stash[CACHE_FOLDER] = os.environ[CACHE_VARIABLE] = tempfile.mkdtemp(prefix="tracegraph-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's kernel cache."""
    folder = config.stash.get(CACHE_FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def threads_of_the_runner() -> None:
    """Tell the library that the threads a test runner works with (xdist's) never touch a tensor."""
    threads.ignored = _thread._count()


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Start Python's and NumPy's generators from the same state in every test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - functions under test may draw from the global generator


@pytest.fixture
def project() -> Path:
    """The root folder of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel cache folder of this test alone."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"
