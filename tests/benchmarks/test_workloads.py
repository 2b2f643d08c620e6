"""Every workload, at reduced size, gives the results of its reference in each variant that is installed."""

import pytest

from benchmarks import variants
from benchmarks.correctness import check, reference
from benchmarks.workloads import WORKLOADS

SCALE = 0.03
PEERS = [
    pytest.param(variants.TORCH, marks=pytest.mark.oracle),
    variants.JAX,
]


@pytest.mark.parametrize("variant", [variants.NUMPY, variants.EAGER, variants.TRACED, *PEERS])
@pytest.mark.parametrize("name", WORKLOADS)
def test_agrees_with_the_reference(name: str, variant: str) -> None:
    workload = WORKLOADS[name]
    if not variants.is_installed(variant):
        pytest.skip(f"{variant} is not installed")
    arrays = workload.inputs(SCALE)
    case = variants.make(variant, workload, {key: array.copy() for key, array in arrays.items()})
    if case is None:
        assert variant == variants.NUMPY
        assert not workload.numpy
        return
    verdict = check(case, reference(workload, arrays), workload.tolerance)
    assert verdict.fault == ""
    assert verdict.error <= workload.tolerance


@pytest.mark.parametrize("name", WORKLOADS)
def test_inputs_are_the_same_every_time(name: str) -> None:
    first, second = (WORKLOADS[name].inputs(SCALE) for _ in range(2))
    assert {key: array.tobytes() for key, array in first.items()} == {
        key: array.tobytes() for key, array in second.items()
    }


def test_names_are_those_of_the_table() -> None:
    assert [workload.name for workload in WORKLOADS.values()] == list(WORKLOADS)
