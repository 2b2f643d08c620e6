"""What to change so that a function needs no Python to be replayed: advice for each kind of reason."""

import re
from collections.abc import Sequence

from tracegraph.trace.recorder import Reason

_ADVICE: tuple[tuple[str, str], ...] = (
    (r"calls builtin print|print at", "print outside of the traced function, from what it returns"),
    (r"reads the value of a tensor by", "return the tensor and take its value outside"),
    (r"gives a shape that depends on values", "keep the shape: use where() or a mask instead of selecting elements"),
    (r"makes a tensor of a NumPy array", "pass the array as an argument, or make it a tensor outside"),
    (r"the outer (list|dict|set|deque)", "return what is to be added, and add it outside"),
    (r"(was|were) (changed|created|deleted)", "return the new value and store it outside, or keep it in a tensor"),
    (r"random", "draw with tracegraph's own generator (rand, randn, randint)"),
    (r"time\.", "take the time outside of the traced function"),
    (r"unfinished|iterator|generator", "consume iterators outside, and pass lists"),
    (r"memory another input shares", "pass tensors that do not overlap, or clone() one of them"),
    (r"requires_grad", "set requires_grad outside of the traced function"),
    (r"\bhook\b|custom function", "take the gradient inside of the traced function"),
    (r"raises ", "a call that raises is run by Python each time; check the arguments outside"),
    (r"calls ", "call it outside; a C function whose effects are not known cannot be left out"),
    (r"cannot be (followed|looked into)|not guarded", "pass what is read as an argument, or as a tensor"),
    (r"made in the call", "return tensors, numbers, tuples, lists, dicts or dataclasses of them"),
)


def remedy(reason: str) -> str:
    """What to change, for one reason; "" where nothing is known.

    >>> remedy("calls builtin print at model.py:3")
    'print outside of the traced function, from what it returns'
    """
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, reason)), "")


def clause(reason: str) -> str:
    """A reason as it stands behind "because".

    >>> clause("calls builtin print at model.py:3")
    'it calls builtin print at model.py:3'
    >>> clause("the outer list `log` was changed (model.py:4)")
    'the outer list `log` was changed (model.py:4)'
    """
    return reason if reason.startswith("the ") else f"it {reason}"


def why_not_static(name: str, reasons: Sequence[Reason]) -> str:
    """The message for a function that has to be static and is not."""
    lines = [f"{name} was decorated with require='static', but Python has to run on every call, because"]
    for reason in dict.fromkeys(map(str, reasons)):
        advice = remedy(reason)
        lines.append(f"  {clause(reason)}" + (f"\n    instead: {advice}" if advice else ""))
    return "\n".join(lines)
