"""Whether other Python threads could see what this one is in the middle of."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tracegraph.trace.threads import is_alone


class Monitor(threading.Thread):
    """A thread as a library starts it that never touches a tensor."""


@contextmanager
def running(kind: type[threading.Thread] = threading.Thread) -> Iterator[None]:
    """Another thread that waits until the end of the block."""
    go_on = threading.Event()
    other = kind(target=go_on.wait)
    other.start()
    try:
        yield
    finally:
        go_on.set()
        other.join()


def test_one_thread_is_alone() -> None:
    assert is_alone()
    with running():
        assert not is_alone()
        with running():
            assert not is_alone()
    assert is_alone()


def test_threads_of_progress_bars_do_no_harm() -> None:
    Monitor.__module__ = "tqdm._monitor"
    with running(Monitor):
        assert is_alone()
        with running():
            assert not is_alone()
    Monitor.__module__ = "mine.tqdm"
    with running(Monitor):
        assert not is_alone()


def test_a_second_thread_is_never_alone() -> None:
    found: list[bool] = []
    other = threading.Thread(target=lambda: found.append(is_alone()))
    other.start()
    other.join()
    assert found == [False]
