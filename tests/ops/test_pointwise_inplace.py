"""Casts, copies and in-place operations against PyTorch: what they write, what they refuse, and where gradients go."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import from_numpy
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError, GradientError, ShapeError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

Both = Callable[[Any, Any], Any]


def both(program: Both) -> tuple[Any, Any]:
    """The program's results with our library and with PyTorch; it is given the library and a maker of tensors."""
    return (
        program(tracegraph, lambda values, **options: tracegraph.tensor(np.array(values), **options)),
        program(torch, lambda values, **options: torch.tensor(np.array(values), **options)),
    )


def same(program: Both) -> None:
    """Both libraries compute equal tensors (or tuples of them) of equal dtypes."""
    ours, theirs = both(program)
    ours, theirs = (value if isinstance(value, tuple) else (value,) for value in (ours, theirs))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.detach().numpy().dtype
        assert mine.requires_grad == other.requires_grad
        np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), rtol=1e-7, atol=1e-7)


def gradients(library: Any, output: Any, *inputs: Any) -> tuple[Any, ...]:
    return tuple(library.autograd.grad([output.sum()], list(inputs), allow_unused=True))


METHODS = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
    "char": "int8", "byte": "uint8", "bool": "bool",
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("source", ["float64", "int64", "bool"])
def test_dtype_methods(name: str, source: str) -> None:
    same(lambda library, make: getattr(make(np.array([0, 1, 5, 100]).astype(source)), name)())
    x = tracegraph.tensor(np.zeros(2, METHODS[name]))
    assert getattr(x, name)() is x


def test_dtype_names_at_top_level_are_dtypes() -> None:
    assert tracegraph.float is tracegraph.float32
    assert tracegraph.long is tracegraph.int64
    assert tracegraph.bool is np.dtype("bool")


def test_casting_carries_gradients_back_in_the_first_dtype() -> None:
    def program(library: Any, make: Any) -> Any:
        x = make([1.0, 2.0], requires_grad=True)
        return gradients(library, x.float() * x.float(), x)

    same(program)


def test_to_takes_dtypes_tensors_and_devices() -> None:
    x = tracegraph.tensor([1.5, 2.5])
    assert x.to(tracegraph.float32) is x
    assert x.to("cpu") is x
    assert x.to("cpu", tracegraph.float64).dtype == tracegraph.float64
    assert x.to(tracegraph.tensor([1])).dtype == tracegraph.int64
    assert x.to(dtype=np.int16).dtype == tracegraph.int16
    assert x.to("float64").dtype == tracegraph.float64
    assert x.to(tracegraph.float32, copy=True) is not x
    with pytest.raises(ArgumentTypeError, match="not available"):
        x.to("cuda:0")
    with pytest.raises(DTypeError):
        x.to(np.complex64)


def test_clone_and_contiguous_are_new_memory_in_row_major_order() -> None:
    x = tracegraph.tensor(np.arange(6.0).reshape(2, 3)).permute(1, 0)
    assert not x.is_contiguous()
    for made in (x.clone(), x.contiguous()):
        assert made.is_contiguous()
        assert not np.shares_memory(made._data, x._data)
    assert x.clone().contiguous().is_contiguous()


COPIES: list[tuple[Any, Any]] = [
    ([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0]), ([1, 2], [1.7, -2.7]), ([1.0, 2.0], 3), ([True, False], [0.0, 2.0]),
    (np.zeros((0, 2)), np.zeros((1, 2))), (1.0, 2), ([[1.0], [2.0]], [[5.0], [7.0]]),
]  # fmt: skip


@pytest.mark.parametrize("pair", COPIES, ids=str)
def test_copy_broadcasts_and_casts(pair: tuple[Any, Any]) -> None:
    same(lambda library, make: make(pair[0]).copy_(make(pair[1])))


def test_copy_refuses_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ShapeError, match="expand"):
        tracegraph.tensor([1.0, 2.0]).copy_(tracegraph.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("shape", [(2, 2), (2,), ()])
def test_copy_carries_gradients_to_the_source_and_cuts_them_off_the_target(shape: tuple[int, ...]) -> None:
    def program(library: Any, make: Any) -> Any:
        x = make(np.ones((2, 2)), requires_grad=True)
        source = make(np.full(shape, 3.0), requires_grad=True)
        target = x * 2
        target.copy_(source)
        source_gradient = gradients(library, target * target, source)
        y = x * 3
        y.copy_(make(np.ones((2, 2))))
        return (target, y.detach(), *source_gradient)

    same(program)


def test_copy_into_a_view() -> None:
    def program(library: Any, make: Any) -> Any:
        x, source = make(np.ones((2, 3)), requires_grad=True), make([7.0, 8.0, 9.0], requires_grad=True)
        y = x * 2
        y[1].copy_(source)
        return (y, *gradients(library, y * y, x, source))

    same(program)


def test_copy_of_overlapping_memory() -> None:
    def program(library: Any, make: Any) -> Any:
        x = make(np.arange(6.0))
        x[1:].copy_(x[:-1].clone())
        return x

    same(program)
    x = tracegraph.tensor(np.arange(6.0))
    x[1:].copy_(x[:-1])
    np.testing.assert_array_equal(x.numpy(), [0, 0, 1, 2, 3, 4])


def test_fill_and_zero() -> None:
    same(lambda library, make: make([1, 2]).fill_(7))
    same(lambda library, make: make([1.0, 2.0]).fill_(make(2.5)))
    same(lambda library, make: make([1.0, 2.0]).zero_())
    same(lambda library, make: make(np.zeros((0, 3))).zero_())

    def program(library: Any, make: Any) -> Any:
        x, value = make([1.0, 2.0], requires_grad=True), make(3.0, requires_grad=True)
        y, z = x * 2, x * 2
        y.fill_(value)
        z.zero_()
        return (y, z.detach(), *gradients(library, y, value))

    same(program)
    with pytest.raises(ArgumentTypeError, match="0-d"):
        tracegraph.tensor([1.0]).fill_(tracegraph.tensor([1.0, 2.0]))


def test_detach_in_place() -> None:
    x = tracegraph.tensor([1.0], requires_grad=True)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(GradientError, match="view"):
        (x * 2)[0:1].detach_()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1), lambda x: x.mul_(3), lambda x: x.exp_(), lambda x: x.clamp_(0.5, 1.5),
        lambda x: x.sub_(2, alpha=3),
        lambda x: x.masked_fill_(x > 1, 0.0), lambda x: x.lerp_(x * 2, 0.25), lambda x: x.relu_(), lambda x: x.pow_(2),
        lambda x: x.__iadd__(x), lambda x: x.__itruediv__(2), lambda x: x.round_(),
    ],
)  # fmt: skip
def test_inplace_operations_are_differentiated(change: Callable[[Any], Any]) -> None:
    def program(library: Any, make: Any) -> Any:
        x = make([0.3, 1.2, 2.0], requires_grad=True)
        y = x * x
        change(y)
        return (y, *gradients(library, y * x, x))

    same(program)


def test_inplace_keeps_the_dtype_or_refuses() -> None:
    same(lambda library, make: make([1.5, 2.5]).eq_(make([1.5, 0.0])))
    same(lambda library, make: make(np.array([1.0, 2.0], np.float32)).add_(make([0.5, 0.5])))
    for name, arguments in (("add_", (0.5,)), ("div_", (2,)), ("exp_", ())):
        with pytest.raises(DTypeError):
            getattr(tracegraph.tensor([1, 2]), name)(*arguments)
        with pytest.raises(RuntimeError):
            getattr(torch.tensor([1, 2]), name)(*arguments)


def test_inplace_on_empty_and_on_shared_elements() -> None:
    same(lambda library, make: make(np.zeros((2, 0))).add_(1))
    with pytest.raises(ArgumentTypeError, match="expanded"):
        tracegraph.tensor([1.0]).expand(3).add_(1)


ACTIVATIONS = (
    "relu", "silu", "elu", "leaky_relu", "hardtanh", "selu", "celu", "mish", "relu6", "hardsigmoid", "hardswish",
)  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_in_place(name: str) -> None:
    x = tracegraph.tensor([-1.0, 0.5, 7.0])
    function = getattr(tracegraph, name)
    expected = function(x)
    assert function(x, inplace=True) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())

    def program(library: Any, make: Any) -> Any:
        functional = library if library is tracegraph else library.nn.functional
        leaf = make([-1.0, 0.5, 7.0], requires_grad=True)
        y = leaf * 1.5
        getattr(functional, name)(y, inplace=True)
        return (y, *gradients(library, y * leaf, leaf))

    same(program)


def test_constants_are_shared_but_never_changed() -> None:
    zero, negative = (tracegraph.tensor([1.0]) * factor for factor in (0.0, -0.0))
    assert not np.signbit(zero.numpy()[0])
    assert np.signbit(negative.numpy()[0])
    x = tracegraph.where(tracegraph.tensor(True), 0.5, 1.0)
    x.add_(1)
    assert float(tracegraph.where(tracegraph.tensor(True), 0.5, 1.0)) == 0.5


def test_an_unused_operand_may_be_changed_in_place() -> None:
    def program(library: Any, make: Any) -> Any:
        x = make([0.3, 1.2], requires_grad=True)
        y = x * 2
        z = y + 1
        w = y.exp()
        y.zero_()
        return gradients(library, z * w, x)

    same(program)


def test_a_needed_operand_may_not() -> None:
    x = from_numpy(np.array([0.3, 1.2])).requires_grad_()
    y = x * 2
    z = y.sin()
    y.zero_()
    with pytest.raises(GradientError, match="modified in place"):
        gradients(tracegraph, z, x)
