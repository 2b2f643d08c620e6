"""The workloads in the order in which they are shown: `WORKLOADS`, by name."""

from benchmarks.workload import Workload
from benchmarks.workloads import (
    black_scholes,
    chain,
    convolutional,
    moments,
    normalisation,
    perceptron,
    pointwise,
    python_inside,
    reductions,
)

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for module in (
        pointwise,
        black_scholes,
        normalisation,
        moments,
        reductions,
        chain,
        python_inside,
        perceptron,
        convolutional,
    )
    for workload in module.WORKLOADS
}
