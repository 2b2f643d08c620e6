"""The garbage collector may run in the middle of any function; what it calls is not the function's doing."""

import gc
from typing import Any

from tracegraph.observe import Observer

seen: list[str] = []


def note(what: str) -> None:
    seen.append(what)


def callback(phase: str, info: dict[str, Any]) -> None:
    note(phase)


def collects(x: float) -> float:
    pairs = [[i] for i in range(10)]
    for pair in pairs:
        pair.append(pair)  # type: ignore[arg-type]
    del pairs, pair
    return x + 1


def test_callbacks_of_the_collector_are_no_effects() -> None:
    gc.callbacks.append(callback)
    threshold = gc.get_threshold()
    try:
        gc.set_threshold(1)
        seen.clear()
        with Observer(collects, (1.0,)) as observer:
            collects(1.0)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(callback)
    assert seen
    assert observer.observation.is_static, [str(effect) for effect in observer.observation.effects]
