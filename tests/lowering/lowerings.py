"""How operations are lowered, found out from their samples."""

import numpy as np

from tests.lowering.compare import placeholders
from tracegraph.compiler.ir import Graph, make
from tracegraph.compiler.lowering.lower import lower
from tracegraph.compiler.lowering.steps import HostStep, NativeStep
from tracegraph.compiler.ops.base import OPERATIONS, Sample
from tracegraph.compiler.ops.spec import Spec


def samples(name: str) -> list[Sample]:
    """All samples of an operation."""
    return list(OPERATIONS[name].samples(np.random.default_rng(0)))


def lowering_of(sample: Sample) -> str:
    """How a sample is lowered: "loop", "routine", "host" or "view" (nothing is computed)."""
    inputs = placeholders(sample.operands)
    node = make(sample.operation, *inputs)
    steps = [step for step in lower(Graph("one", tuple(inputs), (node,))).steps if node in step.nodes]
    if any(isinstance(step, HostStep) for step in steps):
        return "host"
    if any(isinstance(step, NativeStep) for step in steps):
        return "routine"
    return "loop" if steps else "view"


def lowerings_of(name: str) -> set[str]:
    """How the samples of an operation are lowered, float16 apart; nothing for one whose result's shape is unknown."""
    if OPERATIONS[name].data_dependent:
        return set()
    found = set()
    for sample in samples(name):
        specs = [Spec(np.shape(operand), np.asarray(operand).dtype) for operand in sample.operands]
        if np.float16 not in [spec.dtype for spec in (*specs, sample.operation.infer(*specs))]:
            found.add(lowering_of(sample))
    return found
