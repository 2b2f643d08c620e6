"""Every row of the tables of rules, and every fact that an operation declares, is tried on ordinary and odd numbers."""

import itertools
from typing import Any

import numpy as np
import pytest

from tests.strategies import EXTREMA, convert, same_values
from tracegraph.compiler.ir import Graph, Node, constant, evaluate, make
from tracegraph.compiler.ir.patterns import KNOWN_NAMES, Pattern
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.cast import Cast
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.pointwise import Pointwise
from tracegraph.compiler.ops.spec import DTYPES, DType, Spec
from tracegraph.compiler.passes import Canonicalise
from tracegraph.compiler.passes.rules import EXACT, INEXACT, Rule
from tracegraph.runtime.errors import TracegraphError

NUMBERS = (0.0, -0.0, 1, -1, 2, 3, 0.1, -0.7, 7, 100, 1e-40, np.inf, -np.inf, np.nan)
CONSTANTS = (2.0, 0.25, -8.0, 3.0, 0.0, -0.0, np.inf, np.nan)
SAMPLES = [dtype for dtype in DTYPES if dtype.name != "int16"]


def examples(rule: Rule, dtype: DType) -> list[tuple[Node, list[Node], list[np.ndarray]]]:
    """The left side of the rule as a node, for all known numbers, with all combinations of the others as inputs."""
    names = sorted(rule.pattern.names())
    free = [name for name in names if name not in KNOWN_NAMES]
    grid = itertools.product(range(len(NUMBERS)), repeat=len(free))
    columns = np.array(list(grid), int).T
    found = []
    for known in itertools.product(CONSTANTS, repeat=len(names) - len(free)):
        bindings = dict(zip([name for name in names if name in KNOWN_NAMES], map(_constant(dtype), known), strict=True))
        inputs, arrays = [], []
        for index, name in enumerate(free):
            wanted = np.dtype(bool) if _is_condition(rule.pattern, name) else dtype
            array = convert(NUMBERS, wanted)[columns[index]]
            inputs.append(make(Input(index, Spec(array.shape, array.dtype))))
            arrays.append(array)
        node = built(rule.pattern, bindings | dict(zip(free, inputs, strict=True)), dtype)
        if node is not None and (rule.when is None or rule.when(rule.pattern.match(node) or {})):
            found.append((node, inputs, arrays))
    return found


def _constant(dtype: DType) -> Any:
    return lambda number: constant(convert(number, dtype))


def _is_condition(pattern: Pattern, name: str) -> bool:
    """Whether the name stands where `where` takes its condition."""
    inside = pattern.operands[0] if pattern.operation == "where" else None
    return inside is not None and name in inside.names()


def built(pattern: Pattern, bindings: dict[str, Node], dtype: Any, *, condition: bool = False) -> Node | None:
    """The pattern with nodes for its names; None where its operations do not take the dtype."""
    if pattern.name:
        return bindings[pattern.name]
    if pattern.number is not None:
        wanted = np.dtype(bool) if condition else dtype
        return constant(np.array(pattern.number).astype(wanted)) if _holds(wanted, pattern.number) else None
    operands = [
        built(operand, bindings, dtype, condition=pattern.operation == "where" and place == 0)
        for place, operand in enumerate(pattern.operands)
    ]
    try:
        return make(OPERATIONS[pattern.operation](), *[node for node in operands if node is not None])
    except (TracegraphError, IndexError, ValueError):
        return None


def _holds(dtype: DType, number: float) -> bool:
    return dtype.kind == "f" or (np.isfinite(number) and (number >= 0 or dtype.kind == "i"))


@pytest.mark.parametrize("rule", EXACT, ids=lambda rule: f"{rule.before} = {rule.after} [{rule.kinds}]")
def test_exact_rule(rule: Rule) -> None:
    tried = 0
    for dtype in SAMPLES:
        if dtype.kind not in rule.kinds:
            continue
        for node, inputs, arrays in examples(rule, dtype):
            made = rule.apply(node)
            assert made is not None, f"does not match {dtype}"
            assert made.spec == node.spec
            (before,), _ = evaluate(Graph("before", tuple(inputs), (node,)), arrays)
            (after,), _ = evaluate(Graph("after", tuple(inputs), (made,)), arrays)
            assert same_values(before, after), f"{dtype}: {before} {after}"
            tried += 1
    assert tried


@pytest.mark.parametrize("rule", INEXACT, ids=lambda rule: f"{rule.before} = {rule.after}")
def test_inexact_rule_holds_for_ordinary_numbers(rule: Rule) -> None:
    numbers = np.linspace(0.5, 3, 7)
    dtype = np.dtype("float64")
    names = sorted(rule.pattern.names())
    free = [name for name in names if name not in KNOWN_NAMES]
    arrays = list(np.array(list(itertools.product(numbers, repeat=len(free)))).T.copy())
    inputs = [make(Input(index, Spec(array.shape, dtype))) for index, array in enumerate(arrays)]
    known = {name: constant(number) for name, number in zip(sorted(set(names) - set(free)), (1.7, 0.3), strict=False)}
    node = built(rule.pattern, known | dict(zip(free, inputs, strict=True)), dtype)
    assert node is not None
    made = rule.apply(node)
    assert made is not None
    assert made.spec == node.spec
    (before,), _ = evaluate(Graph("before", tuple(inputs), (node,)), arrays)
    (after,), _ = evaluate(Graph("after", tuple(inputs), (made,)), arrays)
    np.testing.assert_allclose(after, before, rtol=1e-13)
    simplified = Canonicalise(inexact=True)(Graph("f", tuple(inputs), (node,)))
    assert simplified.outputs != (node,)


def test_rules_name_only_operations_that_exist() -> None:
    for rule in EXACT + INEXACT:
        unknown = (rule.pattern.operations() | rule.replacement.operations()) - OPERATIONS.keys()
        assert not unknown, rule
        assert rule.replacement.names() <= rule.pattern.names()


POINTWISE = [made for made in OPERATIONS.values() if issubclass(made, Pointwise)]


def applied(made: type[Pointwise], *operands: Node) -> Node | None:
    if operands[0].dtype.kind not in {np.dtype(dtype).kind for dtype in made.sample_dtypes}:
        return None
    try:
        return make(made(), *operands)
    except TracegraphError:
        return None


@pytest.mark.parametrize(
    "made", [m for m in POINTWISE if m.involution or m.idempotent or m.identity is not None], ids=lambda made: made.name
)
def test_declared_facts(made: type[Pointwise]) -> None:
    tried = 0
    for dtype in SAMPLES:
        array = convert(NUMBERS, dtype)
        source = make(Input(0, Spec(array.shape, dtype)))
        operands = [source] if made.arity == 1 else [source, constant(made.identity, dtype)]
        once = applied(made, *operands)
        if once is None:
            continue
        twice = once if made.arity == 2 else applied(made, once)
        expected = once if made.idempotent else source
        if twice is None or twice.dtype != expected.dtype:
            continue
        graph = Graph("f", (source,), (twice, expected))
        (a, b), _ = evaluate(graph, [array])
        assert same_values(a, b), f"{dtype}: {a} {b}"
        assert Canonicalise()(graph).operations <= 1
        tried += 1
    assert tried


@pytest.mark.parametrize("made", [m for m in POINTWISE if m.commutative], ids=lambda made: made.name)
def test_declared_commutativity(made: type[Pointwise]) -> None:
    tried = 0
    for dtype in SAMPLES:
        # Which zero is the larger of 0 and -0 is left open, to NumPy as to the machine.
        numbers = [n for n in NUMBERS if made.name not in EXTREMA or not (n == 0 and np.signbit(n))]
        first, second = np.array(list(itertools.product(convert(numbers, dtype), repeat=2)), dtype).T.copy()
        a, b = [make(Input(index, Spec(first.shape, dtype))) for index in range(2)]
        one, other = applied(made, a, b), applied(made, b, a)
        if one is None or other is None:
            continue
        assert one.key() == other.key()
        (x, y), _ = evaluate(Graph("f", (a, b), (one, other)), [first, second])
        assert same_values(x, y), dtype
        tried += 1
    assert tried


@pytest.mark.parametrize("source", DTYPES, ids=str)
@pytest.mark.parametrize("target", DTYPES, ids=str)
def test_casts_are_joined_only_where_values_stay(source: DType, target: DType) -> None:
    numbers = [*NUMBERS, 1e30, 70000, 2**31, 2**53 + 1, 255, 128, -129]
    with np.errstate(over="ignore"):
        array = np.array([number for number in numbers if _fits(number, source)]).astype(source)
    if source.kind in "iu":
        info = np.iinfo(source)
        array = np.array([info.min, info.max, info.max - 1, 0, 1, info.max // 3], source)
    x = make(Input(0, Spec(array.shape, source)))
    for middle in DTYPES:
        graph = Graph("f", (x,), (make(Cast(target), make(Cast(middle), x)),))
        changed = Canonicalise()(graph)
        (before,), _ = evaluate(graph, [array])
        (after,), _ = evaluate(changed, [array])
        assert same_values(before, after), f"{source} {middle} {target}: {before} {after}"
    if source == target:
        assert Canonicalise()(Graph("f", (x,), (make(Cast(target), x),))).outputs == (x,)


def _fits(number: float, dtype: DType) -> bool:
    return dtype.kind == "f" or (np.isfinite(number) and 0 <= number < 2)


def test_lossless_casts_are_joined() -> None:
    for names in (("float32", "float64", "float16"), ("bool", "int64", "float32"), ("int64", "int32", "int8")):
        source, middle, target = map(np.dtype, names)
        x = make(Input(0, Spec((2,), source)))
        (output,) = Canonicalise()(Graph("f", (x,), (make(Cast(target), make(Cast(middle), x)),))).outputs
        assert output.operands == (x,)
    for names in (("float64", "float32", "float64"), ("int64", "float64", "int64"), ("float32", "int32", "float32")):
        source, middle, target = map(np.dtype, names)
        x = make(Input(0, Spec((2,), source)))
        (output,) = Canonicalise()(Graph("f", (x,), (make(Cast(target), make(Cast(middle), x)),))).outputs
        assert output.operands != (x,)
        assert output is not x
