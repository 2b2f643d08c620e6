"""Tests made from the list of operations: what every operation promises is checked on its own samples."""

import inspect
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import Tensor, from_numpy
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import OPERATIONS, Kind, Operation, Sample
from tracegraph.compiler.ops.dispatch import PUBLIC, PublicFunction
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import DTypeError, GradientError, TracegraphError

Arrays = list[np.ndarray[Any, Any]]

EVALUATED = sorted(name for name, cls in OPERATIONS.items() if cls.kind is not Kind.LEAF)
DIFFERENTIABLE = [name for name in EVALUATED if OPERATIONS[name].differentiable]
GRADIENT_SAMPLES = 8
GRADIENT_ELEMENTS = 120


def samples(name: str) -> list[Sample]:
    """The samples of an operation, the same each time."""
    return list(OPERATIONS[name].samples(np.random.default_rng(7)))


def evaluate(operation: Operation, arrays: Any) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return np.asarray(operation.evaluate(np, *arrays))


@pytest.mark.parametrize("name", EVALUATED)
def test_every_operation_is_documented_and_has_samples(name: str) -> None:
    cls = OPERATIONS[name]
    assert (cls.__doc__ or "").strip(), f"{name} has no docstring"
    assert samples(name), f"{name} has no samples"
    assert any(all(array.size for array in sample.operands) for sample in samples(name)), (
        f"all samples of {name} are empty"
    )
    assert all(isinstance(sample.operation, cls) for sample in samples(name))
    assert all(
        hash(sample.operation) == hash(type(sample.operation)(**sample.operation.attributes()))
        for sample in samples(name)
    )


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluate_gives_what_infer_says(name: str) -> None:
    for sample in samples(name):
        result = evaluate(sample.operation, sample.operands)
        if sample.operation.data_dependent:
            continue
        inferred = sample.operation.infer(*[Spec(array.shape, array.dtype) for array in sample.operands])
        assert Spec(result.shape, result.dtype) == inferred, (
            f"{sample.operation} of {[a.shape for a in sample.operands]}"
        )


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluate_leaves_its_operands_alone(name: str) -> None:
    for sample in samples(name):
        before = [array.copy() for array in sample.operands]
        result = evaluate(sample.operation, sample.operands)
        for array, copy in zip(sample.operands, before, strict=True):
            np.testing.assert_array_equal(array, copy)
            if not sample.operation.is_view:
                assert not np.shares_memory(result, array), f"{sample.operation} returns memory of its operand"


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluate_does_not_depend_on_strides(name: str) -> None:
    for sample in samples(name):
        expected = evaluate(sample.operation, [np.array(a, order="C") for a in sample.operands])
        backwards = [np.flip(np.flip(a).copy()) if a.ndim else a for a in sample.operands]
        for arrays in ([np.array(a, order="F") for a in sample.operands], backwards):
            result = evaluate(sample.operation, arrays)
            tolerance = 1e-2 if expected.dtype == np.float16 else 1e-5
            np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance, err_msg=str(sample.operation))


# -- gradients --------------------------------------------------------------------------------------------------------


def gradient_samples(name: str) -> list[tuple[Operation, Arrays]]:
    """Some samples, from small to large, with finite float64 operands (float32 is widened) and result."""
    found = []
    for sample in samples(name):
        arrays = [array.astype(np.float64) if array.dtype.kind == "f" else array.copy() for array in sample.operands]
        if not 0 < sum(array.size for array in arrays) <= GRADIENT_ELEMENTS or not any(
            a.dtype.kind == "f" for a in arrays
        ):
            continue
        if any(a.dtype == np.float16 or not np.isfinite(a).all() for a in sample.operands):
            continue
        try:
            result = evaluate(sample.operation, arrays)
        except (TypeError, ValueError):
            continue  # the operation does not take float64
        if result.dtype == np.float64 and result.size:
            found.append((sample.operation, arrays))
    found.sort(key=lambda pair: sum(array.size for array in pair[1]))
    if len(found) > GRADIENT_SAMPLES:
        found = [found[position] for position in np.linspace(0, len(found) - 1, GRADIENT_SAMPLES).astype(int)]
    return found


class Differentiated:
    """An operation as a function of its float operands and of the cotangent: its value, and its gradient's value."""

    def __init__(self, operation: Operation, arrays: Arrays) -> None:
        rng = np.random.default_rng(3)
        self.operation, self.arrays = operation, arrays
        self.floats = [position for position, array in enumerate(arrays) if array.dtype.kind == "f"]
        self.cotangent = np.asarray(rng.uniform(0.5, 1.5, evaluate(operation, arrays).shape))
        self.weights = {p: np.asarray(rng.uniform(0.5, 1.5, arrays[p].shape)) for p in self.floats}

    def variables(self) -> Arrays:
        """What is perturbed: the float operands, then the cotangent (changed in place by the caller)."""
        return [self.arrays[position] for position in self.floats] + [self.cotangent]

    def value(self) -> float:
        return float((evaluate(self.operation, self.arrays) * self.cotangent).sum())

    def tensors(self) -> tuple[list[Tensor], Tensor]:
        operands = [from_numpy(array.copy()).requires_grad_(array.dtype.kind == "f") for array in self.arrays]
        return operands, from_numpy(self.cotangent.copy()).requires_grad_()

    def first(self, *, create_graph: bool) -> tuple[list[Tensor], Tensor, list[Tensor | None]]:
        """Variables as tensors, and the gradients for the float operands."""
        operands, cotangent = self.tensors()
        inputs = [operands[position] for position in self.floats]
        out = dispatch.apply(self.operation, *operands)
        gradients = tracegraph.autograd.grad([out], inputs, [cotangent], create_graph=create_graph, allow_unused=True)
        return inputs, cotangent, list(gradients)

    def gradient_value(self) -> float:
        """The weighted sum of the gradients, a scalar function of operands and cotangent."""
        _, _, gradients = self.first(create_graph=False)
        pairs = zip(gradients, self.floats, strict=True)
        return sum(float((g._data * self.weights[position]).sum()) for g, position in pairs if g is not None)

    def second(self) -> list[np.ndarray[Any, Any]]:
        """Gradients of `gradient_value` for all variables."""
        inputs, cotangent, gradients = self.first(create_graph=True)
        pairs = zip(gradients, self.floats, strict=True)
        roots = [(g, from_numpy(self.weights[position])) for g, position in pairs if g is not None and g.requires_grad]
        variables = [*inputs, cotangent]
        if not roots:
            return [np.zeros(v.shape) for v in variables]
        found = tracegraph.autograd.grad([g for g, _ in roots], variables, [w for _, w in roots], allow_unused=True)
        return [np.zeros(v.shape) if g is None else g._data for g, v in zip(found, variables, strict=True)]


def numeric(
    function: Any, array: np.ndarray[Any, Any], step: float = 1e-6, *, symmetric: bool = False
) -> np.ndarray[Any, Any] | None:
    """Central differences of a scalar function of an array that is changed in place; None where it has a kink.

    Of `symmetric` matrices an element and its mirror image are changed together, by half each.
    """
    result = np.zeros(array.shape)
    middle = function()
    for index in np.ndindex(array.shape):
        change = np.zeros(array.shape)
        change[index] = step
        if symmetric:
            change = (change + np.swapaxes(change, -1, -2)) / 2
        kept = array.copy()
        array += change
        above = function()
        array[...] = kept - change
        below = function()
        array[...] = kept
        result[index] = (above - below) / (2 * step)
        if abs((above - middle) - (middle - below)) > 1e-3 * step * (1 + abs(result[index])):
            return None
    return result


def close(actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], what: str) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_order_one_and_two(name: str) -> None:
    checked = 0
    for operation, arrays in gradient_samples(name):
        case = Differentiated(operation, arrays)
        symmetric = getattr(operation, "symmetric", False)
        expected = [numeric(case.value, arrays[position], symmetric=symmetric) for position in case.floats]
        if any(e is None for e in expected):
            continue
        _, _, gradients = case.first(create_graph=False)
        for g, e, position in zip(gradients, expected, case.floats, strict=True):
            assert e is not None
            close(np.zeros_like(e) if g is None else g._data, e, f"{operation}, operand {position}")
        expected = [
            numeric(case.gradient_value, variable, symmetric=symmetric and number < len(case.floats))
            for number, variable in enumerate(case.variables())
        ]
        if any(e is None for e in expected):
            continue
        for got, e in zip(case.second(), expected, strict=True):
            assert e is not None
            close(got, e, f"{operation}, second order")
        checked += 1
    assert checked, (
        f"no sample of {name} was fit for a gradient check: give a small one without kinks, in float32 or float64"
    )


# -- what backward keeps ----------------------------------------------------------------------------------------------


def garbage(array: np.ndarray[Any, Any], filler: float = np.nan) -> np.ndarray[Any, Any]:
    if array.dtype.kind == "f":
        return np.full_like(array, filler)
    return ~array if array.dtype.kind == "b" else np.zeros_like(array)


def writable(array: np.ndarray[Any, Any]) -> bool:
    return array.flags.writeable and 0 not in array.strides


def gradients_after(
    operation: Operation, arrays: Arrays, spoil: int | None = None, *, openly: bool = False, filler: float = np.nan
) -> list[Any]:
    """The gradients when operand `spoil` (-1: the output) is overwritten between forward and backward.

    Openly by an in-place operation, or secretly, behind the back of the version counter.
    """
    operands = [from_numpy(array.copy()).requires_grad_(array.dtype.kind == "f") for array in arrays]
    out = dispatch.apply(operation, *operands)
    inputs = [operand for operand in operands if operand.requires_grad]
    cotangent = from_numpy(np.random.default_rng(5).uniform(0.5, 1.5, out.shape))
    if spoil is not None:
        target = out if spoil == -1 else operands[spoil]
        if openly:
            target.detach().copy_(from_numpy(np.asarray(garbage(target._data))))
        else:
            target._data[...] = garbage(target._data, filler)
    found = tracegraph.autograd.grad([out], inputs, [cotangent], allow_unused=True)
    return [None if g is None else g._data.copy() for g in found]


def same(left: list[Any], right: list[Any]) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
        for a, b in zip(left, right, strict=True)
    )


def saved(operation: Operation, arity: int) -> set[int]:
    positions = set(range(arity)) if operation.saves == (-1,) else set(operation.saves)
    positions &= set(range(arity))  # some operations take a varying number of operands
    return positions | ({-1} if operation.saves_output else set())


def reads(operation: Operation, arrays: Arrays, position: int, expected: list[Any]) -> bool:
    """Whether other values at `position` change the gradient, or make it fail."""
    for filler in (np.nan, 0.0, 0.7):
        try:
            changed = not same(gradients_after(operation, arrays, position, filler=filler), expected)
        except TracegraphError:
            return True
        if changed:
            return True
    return False


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_what_is_not_saved_is_not_needed(name: str) -> None:
    for operation, arrays in gradient_samples(name):
        expected = gradients_after(operation, arrays)
        for position in range(-1, len(arrays)):
            if position in saved(operation, len(arrays)):
                continue
            if position == -1 and (operation.is_view or not writable(evaluate(operation, arrays))):
                continue
            got = gradients_after(operation, arrays, position, openly=True)
            assert same(got, expected), f"{operation}: the gradient changed with {position}, which is not in `saves`"


@pytest.mark.parametrize(
    "name", [name for name in DIFFERENTIABLE if OPERATIONS[name].saves or OPERATIONS[name].saves_output]
)
def test_what_is_saved_is_needed_and_guarded(name: str) -> None:
    needed: set[int] = set()
    wanted: set[int] = set()
    for operation, arrays in gradient_samples(name):
        expected = gradients_after(operation, arrays)
        for position in saved(operation, len(arrays)):
            wanted.add(position)
            with pytest.raises(GradientError, match="modified in place"):
                gradients_after(operation, arrays, position, openly=True)
            if position not in needed and reads(operation, arrays, position, expected):
                needed.add(position)
    assert needed == wanted, (
        f"{name} saves {sorted(wanted - needed)} (-1 is the output), which its gradient never reads"
    )


# -- the public functions ---------------------------------------------------------------------------------------------

FUNCTIONS = sorted(PUBLIC)
INPLACE = sorted(name for name, entry in PUBLIC.items() if entry.inplace)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_are_documented_with_an_example(name: str) -> None:
    documentation = PUBLIC[name].function.__doc__ or ""
    assert documentation.strip(), f"{name} has no docstring"
    assert ">>> " in documentation, f"the docstring of {name} has no example"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_methods_are_attached_under_all_their_names(name: str) -> None:
    entry = PUBLIC[name]
    for alias in (name, *entry.aliases):
        assert alias.isidentifier()
        assert not entry.method or hasattr(Tensor, alias)
        assert not entry.inplace or hasattr(Tensor, alias + "_")


SHAPES: dict[str, tuple[int, ...]] = {"addmv": (3,), "baddbmm": (3, 3, 3)}
"""Shapes of the first argument of functions that do not take (3, 3)."""


def argument(function: str, parameter: str, integers: bool) -> Any:
    """Something fitting for a required parameter, by its name."""
    rng = np.random.default_rng(11)
    shape = (3, 3, 3) if parameter.startswith("batch") else (3,) if parameter.startswith("vec") else (3, 3)
    values = rng.integers(1, 4, shape) if integers else rng.uniform(0.2, 0.8, shape)
    index = np.array([2, 0, 1]) if function.startswith("index_") else np.array([[2, 0, 1]] * 3)
    known: dict[str, Any] = {
        "dim": 0, "dim0": 0, "dim1": 1, "dims": 0, "axis": 0, "index": index, "mask": values < np.median(values),
        "value": 2 if integers else 0.5, "diagonal": 0, "shifts": 1, "p": 2, "maxnorm": 1.0, "n": 2,
        "indices": (from_numpy(np.array([0, 2])),), "values": values[0], "reduce": "amax",
    }  # fmt: skip
    found = known.get(parameter, values)
    return from_numpy(np.array(found)) if isinstance(found, np.ndarray) else found


OPTIONAL: dict[str, dict[str, Any]] = {
    "add": {"alpha": 2},
    "clamp": {"min": 0.4, "max": 0.6},
    "div": {"rounding_mode": "trunc"},
    "scatter": {"value": 0.5},
}
"""Keyword arguments for functions that need, or deserve, more than their required ones."""


def call_both_ways(entry: PublicFunction, integers: bool) -> tuple[np.ndarray[Any, Any], Tensor, Tensor]:
    """The function's result in the tensor's dtype, and what the in-place method left and returned."""
    required = [
        parameter.name
        for parameter in list(inspect.signature(entry.function).parameters.values())[1:]
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    rng, shape = np.random.default_rng(1), SHAPES.get(entry.name, (3, 3))
    values = rng.integers(1, 9, shape) if integers else rng.uniform(0.2, 0.8, shape)
    arguments = [argument(entry.name, parameter, integers) for parameter in required]
    keywords = OPTIONAL.get(entry.name, {})
    expected = entry.function(from_numpy(values.copy()), *arguments, **keywords)._data.astype(values.dtype)
    target = from_numpy(values.copy())
    return expected, target, getattr(target, entry.name + "_")(*arguments, **keywords)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_methods_equal_the_functions(name: str) -> None:
    try:
        expected, target, returned = call_both_ways(PUBLIC[name], integers=False)
    except DTypeError:
        expected, target, returned = call_both_ways(PUBLIC[name], integers=True)
    assert returned is target
    np.testing.assert_array_equal(target._data, expected)
    assert target._version is not None
    assert target._version[0] == 1
