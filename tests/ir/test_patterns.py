"""Patterns match what they describe, and known values are seen through expansions."""

import numpy as np
import pytest

from tracegraph.compiler.ir import Node, constant, make, parse
from tracegraph.compiler.ir.known import is_known, is_number, known, known_scalar
from tracegraph.compiler.ir.patterns import Pattern
from tracegraph.compiler.ops.movement import Expand


def output(body: str) -> Node:
    return parse(f"graph f(%x: float32[3], %y: float32[3]) {{ {body} }}").outputs[0]


@pytest.mark.parametrize(
    ("pattern", "body"),
    [
        ("add(a, b)", "%0 = add(%x, %y) return %0"),
        ("add(a, exp(b))", "%0 = exp(%x) %1 = add(%0, %y) return %1"),
        ("add(a, a)", "%0 = add(%x, %x) return %0"),
        ("subtract(a, 1)", "%0 = constant(1.0) %1 = subtract(%x, %0) return %1"),
        ("subtract(a, -0.0)", "%0 = constant(-0.0) %1 = subtract(%x, %0) return %1"),
        ("add(a, -inf)", "%0 = constant(-inf) %1 = add(%x, %0) return %1"),
        ("subtract(a, c)", "%0 = constant([1.0, 2.0, 3.0]) %1 = subtract(%x, %0) return %1"),
        ("add(2, a)", "%0 = constant(2.0) %1 = expand(%0, shape=(3,)) %2 = add(%x, %1) return %2"),
    ],
)
def test_matches(pattern: str, body: str) -> None:
    found = Pattern.parse(pattern).match(output(body))
    assert found is not None
    assert set(found) == Pattern.parse(pattern).names()


@pytest.mark.parametrize(
    ("pattern", "body"),
    [
        ("add(a, a)", "%0 = add(%x, %y) return %0"),
        ("subtract(a, exp(b))", "%0 = exp(%x) %1 = subtract(%0, %y) return %1"),
        ("subtract(a, 0)", "%0 = constant(-0.0) %1 = subtract(%x, %0) return %1"),
        ("subtract(a, c)", "%0 = subtract(%x, %y) return %0"),
        ("subtract(a, 1)", "%0 = constant([1.0, 1.0, 2.0]) %1 = subtract(%x, %0) return %1"),
        ("exp(a)", "return %x"),
    ],
)
def test_does_not_match(pattern: str, body: str) -> None:
    assert Pattern.parse(pattern).match(output(body)) is None


def test_build_keeps_shape_dtype_and_location() -> None:
    like = make(Expand((2, 3)), output("%0 = exp(%x) return %0"), location=("m.py", 3), backward=True)
    (x,) = parse("graph f(%x: float32[3]) { return %x }").inputs
    made = Pattern.parse("multiply(x, 2)").build({"x": x}, like)
    assert made.spec == like.spec
    assert (made.location, made.backward) == (("m.py", 3), True)
    inner = made.operands[0]
    assert (inner.location, inner.backward) == (("m.py", 3), True)
    assert inner.operands[1].spec.dtype == np.dtype("float32")


@pytest.mark.parametrize("text", ["add(x, dim=1)", "x + y", "f.g(x)", "'a'", "-x"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        Pattern.parse(text)


def test_known() -> None:
    filled = known(np.full((2, 3), 7, "int8"))
    assert filled.shape == (2, 3)
    assert filled.operands[0].shape == ()
    assert known_scalar(filled) == 7
    assert known_scalar(known([1, 2])) is None
    assert known_scalar(constant(np.zeros((0, 2)))) is None
    assert known_scalar(constant(np.array([0.0, -0.0]))) is None
    assert is_known(known([1, 2]))
    assert not is_known(parse("graph f(%x: bool[]) { return %x }").inputs[0])
    assert is_number(constant(-0.0), -0.0)
    assert not is_number(constant(-0.0), 0)
    assert is_number(constant(True), 1)
