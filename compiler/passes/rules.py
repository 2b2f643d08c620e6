"""The tables of algebraic rules: `EXACT` holds to the bit, `INEXACT` in real arithmetic only. A row is a law to read.

Names stand for any tensor, `c` and `d` for known ones; kinds are those of the operands' dtype: f float, i signed,
u unsigned, b bool. Laws that follow from facts an operation declares (identity, involution, idempotence,
commutativity) are not listed; `canonicalise` derives them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tracegraph.compiler.ir.known import is_known, known_scalar
from tracegraph.compiler.ir.node import Node
from tracegraph.compiler.ir.patterns import KNOWN_NAMES, Bindings, Pattern

Condition = Callable[[Bindings], bool]


@dataclass(frozen=True)
class Rule:
    """`before = after`, read from left to right, for operands of these kinds and where `when` holds of the names.

    It applies only where both sides have one dtype: not(not(x)) is x for bools, but not for numbers.
    """

    before: str
    after: str
    kinds: str = "fiub"
    when: Condition | None = None
    pattern: Pattern = field(init=False, repr=False, compare=False)
    replacement: Pattern = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", Pattern.parse(self.before))
        object.__setattr__(self, "replacement", Pattern.parse(self.after))

    def apply(self, node: Node) -> Node | None:
        """What the rule makes of the node, or None where it does not apply."""
        if node.operands[-1].dtype.kind not in self.kinds:
            return None
        bindings = self.pattern.match(node)
        if bindings is None or (self.when is not None and not self.when(bindings)):
            return None
        if not KNOWN_NAMES.isdisjoint(bindings) and all(map(is_known, bindings.values())):
            return None  # Left to constant folding; moving constants about could go on for ever.
        made = self.replacement.build(bindings, node)
        return made if made.dtype == node.dtype else None


def has_exact_reciprocal(bindings: Bindings) -> bool:
    """Whether `c` is a power of two whose reciprocal is a normal number, so that x / c equals x * (1 / c)."""
    value = known_scalar(bindings["c"])
    if value is None or not math.isfinite(value) or abs(math.frexp(float(value))[0]) != 0.5:
        return False
    return abs(math.log2(abs(float(value)))) <= {2: 14, 4: 126, 8: 1022}[value.dtype.itemsize]


EXACT = (
    # Copies: nodes are values, so nothing can tell a copy from the original.
    Rule("copy(x)", "x"),
    # Neutral elements. For floats x + 0 is not x (-0 + 0 = +0), but x - 0 and x + -0 are.
    Rule("add(x, 0)", "x", "iu"),
    Rule("add(x, -0.0)", "x", "f"),
    Rule("subtract(x, 0)", "x", "fiu"),
    Rule("logical_and(x, 1)", "x", "b"),
    Rule("logical_or(x, 0)", "x", "b"),
    Rule("logical_xor(x, 0)", "x", "b"),
    Rule("bitwise_or(x, 0)", "x", "iu"),
    Rule("bitwise_xor(x, 0)", "x", "iu"),
    Rule("bitwise_and(x, -1)", "x", "i"),
    Rule("left_shift(x, 0)", "x", "iu"),
    Rule("right_shift(x, 0)", "x", "iu"),
    Rule("floor_divide(x, 1)", "x", "iu"),
    Rule("maximum(x, -inf)", "x", "f"),
    Rule("minimum(x, inf)", "x", "f"),
    # Absorbing elements. For floats 0 * x may be NaN or -0.
    Rule("multiply(x, 0)", "0", "iu"),
    Rule("logical_and(x, 0)", "0", "b"),
    Rule("logical_or(x, 1)", "1", "b"),
    Rule("bitwise_and(x, 0)", "0", "iu"),
    Rule("remainder(x, 1)", "0", "iu"),
    Rule("power(x, 0)", "1", "fiu"),
    # Signs: negation is exact.
    Rule("multiply(x, -1)", "negative(x)", "fi"),
    Rule("divide(x, -1)", "negative(x)", "f"),
    Rule("add(x, negative(y))", "subtract(x, y)", "fiu"),
    Rule("subtract(x, negative(y))", "add(x, y)", "fiu"),
    Rule("subtract(0, x)", "negative(x)", "iu"),
    Rule("negative(subtract(x, y))", "subtract(y, x)", "iu"),
    Rule("multiply(negative(x), negative(y))", "multiply(x, y)", "fiu"),
    Rule("divide(negative(x), negative(y))", "divide(x, y)", "f"),
    Rule("multiply(negative(x), c)", "multiply(x, negative(c))", "fiu"),
    Rule("negative(multiply(x, c))", "multiply(x, negative(c))", "fiu"),
    Rule("divide(negative(x), c)", "divide(x, negative(c))", "f"),
    Rule("negative(divide(x, c))", "divide(x, negative(c))", "f"),
    Rule("absolute(negative(x))", "absolute(x)", "fi"),
    Rule("square(negative(x))", "square(x)", "fiu"),
    Rule("square(absolute(x))", "square(x)", "fi"),
    Rule("absolute(square(x))", "square(x)", "f"),
    # An operand with itself. For floats x - x and x == x are not constant, because of NaN.
    Rule("multiply(x, x)", "square(x)", "fiu"),
    Rule("subtract(x, x)", "0", "iu"),
    Rule("logical_and(x, x)", "x", "b"),
    Rule("logical_or(x, x)", "x", "b"),
    Rule("bitwise_and(x, x)", "x", "iu"),
    Rule("bitwise_or(x, x)", "x", "iu"),
    Rule("bitwise_xor(x, x)", "0", "iu"),
    Rule("maximum(x, x)", "x"),
    Rule("minimum(x, x)", "x"),
    Rule("equal(x, x)", "1", "iub"),
    Rule("not_equal(x, x)", "0", "iub"),
    Rule("less_equal(x, x)", "1", "iub"),
    Rule("less(x, x)", "0"),
    # Powers and quotients.
    Rule("power(x, 2)", "square(x)", "fiu"),
    Rule("power(x, -1)", "reciprocal(x)", "f"),
    Rule("divide(1, x)", "reciprocal(x)", "f"),
    Rule("reciprocal(sqrt(x))", "rsqrt(x)", "f"),
    Rule("divide(x, c)", "multiply(x, reciprocal(c))", "f", has_exact_reciprocal),
    # Integers wrap, so sums and products associate.
    Rule("add(add(x, c), d)", "add(x, add(c, d))", "iu"),
    Rule("multiply(multiply(x, c), d)", "multiply(x, multiply(c, d))", "iu"),
    # One spelling for what has several.
    Rule("multiply(x, y)", "logical_and(x, y)", "b"),
    Rule("add(x, y)", "logical_or(x, y)", "b"),
    Rule("bitwise_and(x, y)", "logical_and(x, y)", "b"),
    Rule("bitwise_or(x, y)", "logical_or(x, y)", "b"),
    Rule("bitwise_xor(x, y)", "logical_xor(x, y)", "b"),
    Rule("bitwise_not(x)", "logical_not(x)", "b"),
    Rule("clamp_min(x, y)", "maximum(x, y)"),
    Rule("clamp_max(x, y)", "minimum(x, y)"),
    Rule("clamp(x, y, z)", "minimum(maximum(x, y), z)"),
    Rule("maximum(x, 0)", "relu(x)", "fiu"),
    # Choices.
    Rule("where(1, x, y)", "x"),
    Rule("where(0, x, y)", "y"),
    Rule("where(x, y, y)", "y"),
    Rule("where(x, 1, 0)", "x", "b"),
    Rule("where(x, 0, 1)", "logical_not(x)", "b"),
    Rule("where(logical_not(x), y, z)", "where(x, z, y)", when=lambda names: names["x"].dtype.kind == "b"),
    # Comparisons: one spelling, and their negations (of < and <= only without NaN).
    Rule("greater(x, y)", "less(y, x)"),
    Rule("greater_equal(x, y)", "less_equal(y, x)"),
    Rule("logical_not(logical_not(x))", "x", "b"),
    Rule("logical_not(equal(x, y))", "not_equal(x, y)"),
    Rule("logical_not(not_equal(x, y))", "equal(x, y)"),
    Rule("logical_not(less(x, y))", "less_equal(y, x)", when=lambda names: names["x"].dtype.kind != "f"),
    Rule("logical_not(less_equal(x, y))", "less(y, x)", when=lambda names: names["x"].dtype.kind != "f"),
    Rule("isnan(x)", "0", "iub"),
    Rule("isinf(x)", "0", "iub"),
    Rule("isfinite(x)", "1", "iub"),
)

INEXACT = (
    # -0 + 0 = +0; infinities and NaN times 0.
    Rule("add(x, 0)", "x", "f"),
    Rule("multiply(x, 0)", "0", "f"),
    # Sign of zero.
    Rule("subtract(0, x)", "negative(x)", "f"),
    Rule("negative(subtract(x, y))", "subtract(y, x)", "f"),
    # NaN and infinities.
    Rule("subtract(x, x)", "0", "f"),
    Rule("divide(x, x)", "1", "f"),
    # Rounding.
    Rule("add(add(x, c), d)", "add(x, add(c, d))", "f"),
    Rule("multiply(multiply(x, c), d)", "multiply(x, multiply(c, d))", "f"),
    Rule("add(multiply(x, y), multiply(x, z))", "multiply(x, add(y, z))", "f"),
    Rule("divide(x, c)", "multiply(x, reciprocal(c))", "f"),
    Rule("divide(divide(x, y), z)", "divide(x, multiply(y, z))", "f"),
    Rule("multiply(x, reciprocal(y))", "divide(x, y)", "f", lambda bindings: known_scalar(bindings["y"]) is None),
    Rule("reciprocal(reciprocal(x))", "x", "f"),
    Rule("power(x, 0.5)", "sqrt(x)", "f"),
    Rule("square(sqrt(x))", "x", "f"),
    Rule("sqrt(square(x))", "absolute(x)", "f"),
    Rule("exp(log(x))", "x", "f"),
    Rule("log(exp(x))", "x", "f"),
    Rule("multiply(exp(x), exp(y))", "exp(add(x, y))", "f"),
)
