"""Observe one run of a Python function: what it read from outside, and whether it had an effect there.

with Observer(function, args, kwargs, classifier=...) as observer:
result = function(*args, **kwargs)
observer.observation.effects     # empty: a replay needs no Python while the guards hold
observer.observation.guards      # check_fast, check_protected, first_failure, describe
"""

from tracegraph.observe.guards import Guard, Guards
from tracegraph.observe.model import LEAF, WATCHED, Child, Classifier, Effect, Expand, Known, Leaf, Watched
from tracegraph.observe.observation import Observation
from tracegraph.observe.observer import Observer
from tracegraph.observe.trust import is_library_code

__all__ = [
    "LEAF",
    "WATCHED",
    "Child",
    "Classifier",
    "Effect",
    "Expand",
    "Guard",
    "Guards",
    "Known",
    "Leaf",
    "Observation",
    "Observer",
    "Watched",
    "is_library_code",
]
