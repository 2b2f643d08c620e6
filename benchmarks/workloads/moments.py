"""Mean and variance over the rows and over the columns of a matrix."""

from typing import Any

import numpy as np

from benchmarks.workload import Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled


def _inputs(scale: float) -> Arrays:
    shape = scaled(4096, scale), scaled(1024, scale)
    return {"x": (generator().standard_normal(shape) + 1).astype(np.float32)}


def _moments(axis: int) -> Workload:
    def mean_and_variance(x: Any) -> Any:
        return x.mean(axis), x.var(axis, correction=0)

    def tensors(framework: Framework, arrays: Arrays) -> Case:
        return function_case(framework, mean_and_variance, arrays["x"])

    def jax_(jax: Any, arrays: Arrays) -> Case:
        return jax_case(jax, lambda x: (x.mean(axis), x.var(axis)), arrays["x"])

    return Workload(
        f"moments-{axis}", f"mean and variance over axis {axis}, 4096 x 1024",
        _inputs, lambda arrays: [arrays["x"].mean(axis), arrays["x"].var(axis)], tensors, jax_,
    )  # fmt: skip


WORKLOADS = (_moments(0), _moments(1))
