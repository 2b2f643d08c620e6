"""Every pass, and all of them together, keep the values to the bit on random graphs."""

import pytest
from hypothesis import given

from tests.strategies import GraphExample, graphs, same_values
from tracegraph.compiler.ir import Graph, evaluate, verify
from tracegraph.compiler.passes import Pass
from tracegraph.compiler.pipeline import PASSES, optimise


def check(example: GraphExample, changed: Graph) -> None:
    verify(changed)
    assert [node.spec for node in changed.inputs] == [node.spec for node in example.graph.inputs]
    before, updates_before = evaluate(example.graph, example.arrays)
    after, updates_after = evaluate(changed, example.arrays)
    assert [a.shape for a in before] == [a.shape for a in after]
    written = dict(zip([t for t, _ in example.graph.updates], updates_before, strict=True))
    rewritten = dict(zip([t for t, _ in changed.updates], updates_after, strict=True))
    for target, array in zip(example.graph.inputs, example.arrays, strict=True):
        assert same_values(written.get(target, array), rewritten.get(target, array)), f"update\n{changed}"
    for a, b in zip(before, after, strict=True):
        assert same_values(a, b), f"{a}\n{b}\n{changed}"


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)
@given(example=graphs())
def test_each_pass_keeps_values(step: Pass, example: GraphExample) -> None:
    changed = step(example.graph)
    check(example, changed)
    again = step(changed)
    assert step(again) is again


@given(example=graphs(max_nodes=25))
def test_the_pipeline_keeps_values(example: GraphExample) -> None:
    changed, records = optimise(example.graph, strict=True)
    check(example, changed)
    assert records[-1].graph is changed


@pytest.mark.parametrize("left_out", PASSES, ids=lambda step: step.name)
@given(example=graphs())
def test_the_pipeline_without_one_pass_keeps_values(left_out: Pass, example: GraphExample) -> None:
    changed, _ = optimise(example.graph, passes=[step for step in PASSES if step is not left_out], strict=True)
    check(example, changed)
