"""Graphs print and parse: golden texts, exact round trips for all operations and attributes, clear errors."""

import dataclasses
import textwrap
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import GraphExample, graphs
from tracegraph.compiler.ir import Graph, Node, constant, make, parse, structurally_equal, to_text, verify
from tracegraph.compiler.ir.printer import format_value
from tracegraph.compiler.ops.base import OPERATIONS, Operation
from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.compiler.ops.movement import Expand, Permute, Reshape
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import GraphError

STEP = """\
graph step(%x: float32[64, 784], %w: float32[784, 10], %lr: float32[]) {
  %0 = matmul(%x, %w) : float32[64, 10]        # model.py:12
  %1 = sum(%0, dims=(1,)) : float32[64]
  %2 = permute(%x, dims=(1, 0)) : float32[784, 64]  # backward of model.py:12
  %3 = constant(all 1.0) : float32[64, 10]     # backward
  %4 = matmul(%2, %3) : float32[784, 10]       # backward of model.py:12
  %5 = multiply(%4, %lr) : float32[784, 10]
  %6 = subtract(%w, %5) : float32[784, 10]     # train.py:40
  update %w = %6
  return %1
}
"""


def check_round_trip(graph: Graph) -> None:
    text = to_text(graph)
    read = parse(text)
    verify(read)
    assert structurally_equal(read, graph), text
    assert to_text(read) == text
    assert [node.operation for node in read.inputs] == [node.operation for node in graph.inputs]
    assert [node.backward for node in read.nodes] == [node.backward for node in graph.nodes]


def test_golden_text() -> None:
    assert to_text(parse(STEP)) == textwrap.dedent(
        """\
        graph step(%x: float32[64, 784], %w: float32[784, 10], %lr: float32[]) {
          %0 = matmul(%x, %w) : float32[64, 10]             # model.py:12
          %1 = sum(%0, dims=(1,)) : float32[64]
          %2 = permute(%x, dims=(1, 0)) : float32[784, 64]  # backward of model.py:12
          %3 = constant(all 1.0) : float32[64, 10]          # backward
          %4 = matmul(%2, %3) : float32[784, 10]            # backward of model.py:12
          %5 = multiply(%4, %lr) : float32[784, 10]
          %6 = subtract(%w, %5) : float32[784, 10]          # train.py:40
          update %w = %6
          return %1
        }
        """
    )


def test_locations_come_back_and_can_be_left_out() -> None:
    graph = parse(STEP)
    found = {node.operation.name: (node.location, node.backward) for node in graph.nodes}
    assert found["subtract"] == (("train.py", 40), False)
    assert found["permute"] == (("model.py", 12), True)
    assert found["constant"] == (None, True)
    plain = to_text(graph, locations=False)
    assert "#" not in plain
    assert structurally_equal(parse(plain), graph)


def test_many_inputs_stand_one_a_line() -> None:
    inputs = tuple(make(Input(index, Spec((2, 3), np.dtype("float32")), f"weight_{index}")) for index in range(8))
    text = to_text(Graph("<lambda>", inputs, (), ()))
    assert text.startswith('graph "<lambda>"(\n  %weight_0: float32[2, 3],\n')
    assert text.endswith(",\n) {\n  return\n}\n")
    check_round_trip(parse(text))


@pytest.mark.parametrize(
    "labels",
    [("x", "x", "x_1"), ("", "", "in1"), ("in0", "in0"), ("a b", "0", "", "1.5", "."), ('"', "µ", "a..b", "# %")],
)
def test_labels_become_unique_names_and_come_back(labels: tuple[str, ...]) -> None:
    spec = Spec((), np.dtype("int64"))
    inputs = tuple(make(Input(index, spec, label)) for index, label in enumerate(labels))
    graph = Graph("f", inputs, inputs)
    assert len(set(graph.names.values())) == len(labels)
    check_round_trip(graph)


@pytest.mark.parametrize(
    "made", [op for op in OPERATIONS.values() if not issubclass(op, Input)], ids=lambda op: op.name
)
def test_every_operation_round_trips(made: type[Operation]) -> None:
    for sample in made.samples(np.random.default_rng(0)):
        inputs = tuple(
            make(Input(index, Spec(array.shape, array.dtype), "x")) for index, array in enumerate(sample.operands)
        )
        if sample.operation.data_dependent:
            with np.errstate(all="ignore"):
                result = np.asarray(sample.operation.evaluate(np, *sample.operands))
            node = Node(sample.operation, inputs, Spec(result.shape, result.dtype))
        else:
            node = make(sample.operation, *inputs)
        graph = Graph("f", inputs, (node,))
        check_round_trip(graph)
        assert parse(to_text(graph)).outputs[0].operation == sample.operation


@given(example=graphs(max_nodes=20))
def test_random_graphs_round_trip(example: GraphExample) -> None:
    check_round_trip(example.graph)


@dataclasses.dataclass(frozen=True)
class Anything(Operation):
    """Holds any attribute."""

    value: Any
    other: Any = 0.0
    name = "anything"
    kind = Reshape.kind

    def infer(self, *operands: Spec) -> Spec:
        return Spec((), np.dtype("bool"))


@pytest.mark.parametrize(
    "value",
    [0, -7, 2**70, 0.0, -0.0, 1.0, 0.1, 1e-300, 1e22, float("inf"), float("-inf"), float("nan"), True, False, None,
     ..., "", "a", 'quote " and \\ and \n and # and %0', (), (1,), (1, 2.0, (True, None)), ((), ((),)),
     np.dtype("float16"), np.dtype("bool"), Spec((2, 3), np.dtype("int8")), Spec((), np.dtype("bool")), Permute((1, 0)),
     (Expand((2,)), "x")],
    ids=repr,
)  # fmt: skip
def test_every_kind_of_attribute_round_trips(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "anything", Anything)
    for other in (value, 0.0, -0.0, 0, False):
        node = make(Anything(value, other))
        graph = Graph("f", (), (node,))
        read = parse(to_text(graph))
        assert repr(read.outputs[0].operation.attributes()) == repr(node.operation.attributes())
        assert structurally_equal(read, graph)


def test_an_attribute_without_text_form_is_an_error() -> None:
    with pytest.raises(GraphError, match="type set has no text form"):
        format_value({1})


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32(0.1), "0.1"),
        (np.float64(0.1), "0.1"),
        (np.float16(0.1), "0.1"),
        (np.float32(-0.0), "-0.0"),
        (np.float32(np.inf), "inf"),
        (np.float64(np.nan), "nan"),
        (np.float32(1e20), "1e+20"),
        (np.int64(-(2**63)), "-9223372036854775808"),
        (np.uint8(255), "255"),
        (np.bool_(True), "True"),
        (np.zeros((1000, 3), np.float32), "all 0.0"),
        (np.ones(1, np.int64), "[1]"),
        (np.zeros((0, 3)), "[]"),
        (np.zeros((2, 0)), "[]"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array([np.nan, -0.0, 5e-324]), "[nan, -0.0, 5e-324]"),
        (np.array([True, False]), "[True, False]"),
        (np.array([0x7FC00001, 0], np.uint32).view(np.float32), 'base64 "AQDAfwAAAAA="'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_constants(array: Any, text: str) -> None:
    node = constant(array)
    graph = Graph("f", (), (node,))
    assert f"constant({text})" in to_text(graph)
    read = parse(to_text(graph)).outputs[0].operation
    assert read == node.operation
    assert isinstance(read, Constant)


def test_large_constants_are_base64_and_abbreviated_for_people() -> None:
    graph = Graph("f", (), (constant(np.arange(100.0)),))
    check_round_trip(graph)
    assert "constant(<100 values>) : float64[100]" in str(graph)
    with pytest.raises(GraphError, match="line 1"):
        parse(str(graph).replace("\n", " "))


def test_random_float_constants_are_exact() -> None:
    rng = np.random.default_rng(1)
    for dtype, bits in (("float16", "uint16"), ("float32", "uint32"), ("float64", "uint64")):
        words = rng.integers(0, np.iinfo(bits).max, (200, 4), bits, endpoint=True)
        for row in words.view(dtype):
            node = constant(row)
            assert parse(to_text(Graph("f", (), (node,)))).outputs[0].operation == node.operation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph f(%x: int8[3]) {\n %0 = permut(%x) }", r"line 2: there is no operation 'permut'; is it 'permute'\?"),
        ("graph f(%x: float32[3]) {\n  %0 = sum(%x, dims=(4,)) return %0 }", "line 2: sum: dim 4 is out of range"),
        ("graph f(%x: float32[3]) {\n  %0 = sum(%x, dim=(0,)) return %0 }", "line 2: sum: .*unexpected keyword.*'dim'"),
        ("graph f(%x: float32[3]) { %0 = add(%x, %x) : int8[3] return %0 }", r"result is float32\[3\], not int8\[3\]"),
        ("graph f() {\n  return %0 }", "line 2: %0 is used before it is defined"),
        ("graph f(%x: float32[3]) {\n %x = exp(%x) return %x }", "%x is defined twice"),
        ("graph f(%x: float32[3], %x: float32[3]) { return %x }", "%x is defined twice"),
        ("graph f(%x: complex[3]) { return %x }", "'complex' is no dtype"),
        ("graph f(%x: float32[-3]) { return %x }", "non-negative"),
        ("graph f(%x: float32[3]) { return %x", "expected }, found 'the end'"),
        ("graph f(", "expected value, found 'the end'"),
        ("graph f() {\n  %0 = constant([1, 2]) : int64[3]\n return %0 }", "line 2: the values do not fit"),
        ("graph f() { %0 = constant(300) : uint8[] return %0 }", "the values do not fit"),
        ('graph f() { %0 = constant(base64 "AAA=") : int64[3] return %0 }', "2 bytes do not make"),
        ("graph f() {\n\n  %0 = constant(all 1)\n return %0 }", "line 3: the constant needs a type"),
        ("graph f() { %0 = full(shape=oops, value=1, dtype=int64) return %0 }", "'oops' is no value"),
        ("graph f() { $ }", r"line 1: unexpected '\$'"),
        ("graph f(%x: bool[2]) { %0 = nonzero(%x) return %0 }", "depends on the values and must be told"),
        ("graph f(%x: bool[2]) { return %x } graph", "expected end"),
        ("graph f() { %0 = input(index=0, label=1) return %0 }", "no operation 'input'"),
    ],
)  # fmt: skip
def test_errors_say_where_and_what(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        parse(text)


def test_types_may_be_left_out() -> None:
    graph = parse("graph f(%x: float32[2, 3]) { %0 = constant(2.0) %1 = multiply(%x, %0) # a comment\n return %1 }")
    assert str(graph.outputs[0].spec) == "float32[2, 3]"
