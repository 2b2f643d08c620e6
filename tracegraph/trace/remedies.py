"""What to change so that a function needs no Python to be replayed: advice for each kind of reason."""

import re
from collections.abc import Sequence

from tracegraph.trace.recorded import Reason

_AS_ARGUMENT = "pass what is read as an argument, or as a tensor"
_OUTSIDE = "call it outside; a C function whose effects are not known cannot be left out"
_GRADIENT_INSIDE = "take the gradient inside of the traced function"
_NO_GRAD = "write under no_grad(), or write what detach() gives"
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"calls builtin print", "print outside of the traced function, from what it returns"),
    (r"fault of the library|could not be compiled|observation failed", "please report this with the function"),
    (r"different values from outside", "pass what varies as a tensor"),
    (r"starts a thread", "start threads outside of the traced function"),
    (r"reads the value of a tensor by|to Python by", "return the tensor and take its value outside"),
    (r"gives a shape that depends on values", "keep the shape: use where() or a mask instead of selecting elements"),
    (r"ways, by the values|decisions on values|values of a tensor to decide", "choose with where(), in whole tensors"),
    (r"more than \d+ operations", "trace a part of it, such as one step"),
    (r"makes a tensor of a NumPy array", "pass the array as an argument, or make it a tensor outside"),
    (r"shares the memory of a NumPy array", "copy the array with tensor(), or return a clone()"),
    (r"over an array argument|returns a view that requires", "return a clone() of it"),
    (r"did not come from recorded operations", "make tensors with tracegraph's functions"),
    (r"the outer (list|dict|set|deque)", "return what is to be added, and add it outside"),
    (r"(was|were) (changed|created|deleted)", "return the new value and store it outside, or keep it in a tensor"),
    (r"attribute `.*` that was set on", "set attributes before the call, and keep what is new in local variables"),
    (r"lru_cache", "call what the cache is around, its `__wrapped__`"),
    (r"random", "draw with tracegraph's own generator (rand, randn, randint)"),
    (r"time\.", "take the time outside of the traced function"),
    (r"unfinished|iterator|generator|coroutine", "consume iterators outside, and pass lists"),
    (r"memory another input shares", "pass tensors that do not overlap, or clone() one of them"),
    (r"part of an expanded view", "clone() what expand() gave before it is written to"),
    (r"\.data", "write in place, with copy_()"),
    (r"sets the default dtype", "set the default dtype before the call"),
    (r"step of LBFGS", "trace the closure alone, and call step() outside"),
    (r"parametrize\.cached", "leave cached() out: a parametrized tensor is computed once where it is read once"),
    (r"of an optimiser|learning rate scheduler", "set options and step schedulers outside of the traced function"),
    (r"gradients switched", "use `with no_grad():`, which ends where it began"),
    (r"`requires_grad` of", "set requires_grad outside of the traced function"),
    (r"before the call", "run the whole of forward and backward inside of the traced function"),
    (r"`\.grad` that it also reaches", "reach the gradient by `.grad` alone"),
    (r"the history of a gradient|changes a tensor that requires grad", _NO_GRAD),
    (r"\bhook\b|custom function|be differentiated|parts in common", _GRADIENT_INSIDE),
    (r"profiler", "run it without the profiler"),
    (r"raises ", "a call that raises is run by Python each time; check the arguments outside"),
    (r"calls |the C (function|type)", _OUTSIDE),
    (r"exception object|finaliser", "make such objects where they are used"),
    (r"can(not)? be (followed|looked into)|not guarded", _AS_ARGUMENT),
    (r"made in the call", "return tensors, numbers, tuples, lists, dicts or dataclasses of them"),
)
_PLACE = re.compile(r" ?\([^()]*:\d+\)| at [^ ]+:\d+")


def remedy(reason: str) -> str:
    """What to change, for one reason; "" where nothing is known.

    >>> remedy("calls builtin print at model.py:3")
    'print outside of the traced function, from what it returns'
    """
    text = _PLACE.sub("", reason)  # the names of files are no reasons
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, text)), "")


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
