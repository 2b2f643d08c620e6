"""Tell whether bytecode that looks attributes up by functions, as `getattr` does, names them by constant strings."""

import dis
import types
from collections.abc import Sequence
from typing import Final

from tracegraph.observe.instructions import (
    ATTRIBUTE_LOADS,
    CALLS,
    FAST_LOADS,
    PASSED_OVER,
    SIMPLE_LOADS,
    attribute_name,
    loads_string,
    start_of,
)

DYNAMIC_FUNCTIONS: Final = frozenset({"getattr", "hasattr", "setattr", "delattr"})
DYNAMIC_METHODS: Final = frozenset({"__setattr__", "__delattr__", "__getattribute__", "__getattr__"})


def computes_a_name(code: types.CodeType, steps: Sequence[dis.Instruction], position: int) -> bool:
    """Tell whether a step loads a method like `__setattr__` whose argument may be any name.

    A constant name is none, nor is the one that the code got as such a method itself: bytecode elsewhere names it.
    """
    step = steps[position]
    if step.opname not in ATTRIBUTE_LOADS and not step.opname.startswith("LOAD_SUPER"):
        return False
    method = attribute_name(step)
    if method not in DYNAMIC_METHODS:
        return False
    after = [s for s in steps[position + 1 :] if s.opname not in PASSED_OVER]
    call = next((s for s in after if s.opname in CALLS and start_of(s) == start_of(step)), None)
    if call is None or call.opname != "CALL" or start_of(step)[0] is None:
        return True
    own = 1 + (method == "__setattr__")  # one argument more where it is called on the class
    index = (call.arg or 0) - own
    if index not in (0, 1) or (index == 1 and after[0].opname not in SIMPLE_LOADS):
        return True
    name = after[index]
    if any(start_of(s) == start_of(name) and s.positions != name.positions for s in after[index + 1 :]):
        return True  # an expression that begins with it
    handed_on = code.co_varnames[1:2] if code.co_name in DYNAMIC_METHODS else ()
    return not (loads_string(name) or (name.opname in FAST_LOADS and name.argval in handed_on))


def has_constant_name(steps: Sequence[dis.Instruction], position: int) -> bool:
    """Tell whether the call at `position` has a constant string as its second argument: `setattr(x, "name", y)`."""
    step = steps[position]
    before = [s for s in steps[max(0, position - 8) : position] if s.opname not in PASSED_OVER]
    count = step.arg or 0
    if step.opname != "CALL" or len(before) < count or any(s.is_jump_target for s in before[-count:]):
        return False
    if count == 2:
        return loads_string(before[-1])
    if count != 3:
        return False
    end = len(before) - 1
    while end > 1 and before[end].opname == "LOAD_ATTR":
        end -= 1
    return before[end].opname in SIMPLE_LOADS and end > 0 and loads_string(before[end - 1])
