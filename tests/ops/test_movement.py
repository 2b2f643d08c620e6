"""Views, joining, repeating, padding: the same values, gradients and errors as PyTorch's."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.views_oracle import Expression, check, check_inplace, data, torch
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError

pytestmark = pytest.mark.oracle


def _f(library: Any) -> Any:
    return torch.nn.functional if library is torch else tracegraph


VIEWS: dict[str, Expression] = {
    "reshape": lambda m, x: x.reshape(-1),
    "reshape list": lambda m, x: m.reshape(x, [-1, 2]),
    "reshape varargs": lambda m, x: x.reshape(2, -1),
    "reshape twice -1": lambda m, x: x.reshape(-1, -1),
    "reshape -2": lambda m, x: x.reshape(-2),
    "reshape wrong": lambda m, x: x.reshape(7, 5),
    "reshape_as": lambda m, x: x.reshape_as(m.zeros(x.numel())),
    "view": lambda m, x: x.view(-1),
    "view tuple": lambda m, x: x.view((x.numel(), 1)),
    "view_as": lambda m, x: x.view_as(x),
    "permute": lambda m, x: x.permute(1, 0),
    "permute negative": lambda m, x: m.permute(x, (-1, 0)),
    "permute three": lambda m, x: x.permute((2, 0, -2)),
    "permute twice": lambda m, x: x.permute(0, 0),
    "permute range": lambda m, x: x.permute(0, 5),
    "transpose": lambda m, x: x.transpose(0, -1),
    "transpose range": lambda m, x: m.transpose(x, 0, 4),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, 1),
    "swapdims": lambda m, x: x.swapdims(0, 1),
    "t": lambda m, x: x.t(),
    "mT": lambda m, x: x.unsqueeze(0).unsqueeze(0).mT,
    "movedim": lambda m, x: x.movedim(0, -1),
    "movedim several": lambda m, x: m.movedim(x, (0, 1), (-1, 0)),
    "movedim twice": lambda m, x: m.movedim(x, (0, 0), (-1, 0)),
    "moveaxis": lambda m, x: m.moveaxis(x, -1, 0),
    "expand": lambda m, x: x.expand(2, *x.shape),
    "expand -1": lambda m, x: x.unsqueeze(-1).expand(*[-1] * x.ndim, 3),
    "expand -1 in front": lambda m, x: x.expand(-1, *x.shape),
    "expand wrong": lambda m, x: x.expand(7, 7, 7),
    "expand_as": lambda m, x: x.expand_as(m.zeros(2, *x.shape)),
    "broadcast_to": lambda m, x: m.broadcast_to(x, (3, *x.shape)),
    "broadcast_tensors": lambda m, x: tuple(m.broadcast_tensors(x, m.zeros(2, *[1] * x.ndim))),
    "squeeze": lambda m, x: m.squeeze(x),
    "squeeze dim": lambda m, x: x.squeeze(-1),
    "squeeze dims": lambda m, x: x.unsqueeze(0).unsqueeze(-1).squeeze((0, -1)),
    "squeeze no dims": lambda m, x: x.unsqueeze(0).squeeze(()),
    "squeeze range": lambda m, x: x.squeeze(5),
    "unsqueeze": lambda m, x: x.unsqueeze(-1),
    "unsqueeze 0": lambda m, x: m.unsqueeze(x, 0),
    "unsqueeze range": lambda m, x: x.unsqueeze(-9),
    "flatten": lambda m, x: m.flatten(x),
    "flatten from 1": lambda m, x: x.flatten(1),
    "flatten to -2": lambda m, x: x.flatten(0, -2),
    "flatten wrong": lambda m, x: x.flatten(1, 0),
    "unflatten": lambda m, x: x.unflatten(0, (1, -1)),
    "unflatten wrong": lambda m, x: x.unflatten(0, (5, 7)),
    "ravel": lambda m, x: m.ravel(x),
    "narrow": lambda m, x: m.narrow(x, 0, 1, 1),
    "narrow negative": lambda m, x: x.narrow(-1, -2, 2),
    "narrow wrong": lambda m, x: x.narrow(0, 1, 9),
    "select": lambda m, x: x.select(0, 1),
    "select negative": lambda m, x: m.select(x, -1, -1),
    "select range": lambda m, x: m.select(x, 0, 8),
    "unbind": lambda m, x: m.unbind(x, -1),
    "split": lambda m, x: m.split(x, 2),
    "split last": lambda m, x: x.split(3, -1),
    "split sizes": lambda m, x: x.split([1, x.shape[0] - 1]),
    "split wrong": lambda m, x: x.split([1, 17]),
    "split 0": lambda m, x: x.split(0),
    "chunk": lambda m, x: m.chunk(x, 2, -1),
    "chunk many": lambda m, x: x.chunk(7),
    "chunk 0": lambda m, x: x.chunk(0),
    "tensor_split": lambda m, x: m.tensor_split(x, 3, -1),
    "tensor_split cuts": lambda m, x: x.tensor_split((1, -1)),
    "diagonal": lambda m, x: m.diagonal(x),
    "diagonal offset": lambda m, x: x.diagonal(1, -1, 0),
    "diagonal below": lambda m, x: x.diagonal(-2),
    "diagonal same": lambda m, x: x.diagonal(0, 1, 1),
}

COPIES: dict[str, Expression] = {
    "slice_scatter": lambda m, x: m.slice_scatter(x, x[:1] * 3, 0, 1, 2),
    "diagonal_scatter": lambda m, x: m.diagonal_scatter(x, x.diagonal() * 3),
    "diag": lambda m, x: m.diag(x),
    "diag above": lambda m, x: x.diag(1),
    "diag_embed": lambda m, x: m.diag_embed(x),
    "diag_embed dims": lambda m, x: m.diag_embed(x, -1, 0, 2),
    "tril": lambda m, x: m.tril(x),
    "tril above": lambda m, x: x.tril(1),
    "tril below": lambda m, x: x.tril(diagonal=-1),
    "triu": lambda m, x: m.triu(x),
    "triu above": lambda m, x: x.triu(2),
    "triu below": lambda m, x: x.triu(-1),
    "flip": lambda m, x: m.flip(x, (0,)),
    "flip two": lambda m, x: x.flip(0, -1),
    "flip none": lambda m, x: x.flip(()),
    "flip range": lambda m, x: x.flip(4),
    "fliplr": lambda m, x: m.fliplr(x),
    "flipud": lambda m, x: m.flipud(x),
    "rot90": lambda m, x: m.rot90(x),
    "rot90 back": lambda m, x: x.rot90(-1, (1, 0)),
    "rot90 twice": lambda m, x: x.rot90(2, (0, 1)),
    "roll": lambda m, x: m.roll(x, 1),
    "roll dim": lambda m, x: x.roll(-2, 0),
    "roll dims": lambda m, x: x.roll((1, 7), (0, -1)),
    "roll wrong": lambda m, x: x.roll((1, 2)),
    "repeat": lambda m, x: x.repeat(2, *[1] * x.ndim),
    "repeat each": lambda m, x: x.repeat([2] * x.ndim),
    "repeat list": lambda m, x: x.repeat([3] * x.ndim),
    "repeat few": lambda m, x: x.repeat(2),
    "tile": lambda m, x: m.tile(x, (2,)),
    "tile more": lambda m, x: m.tile(x, (2, 1, 1, 2)),
    "repeat_interleave": lambda m, x: m.repeat_interleave(x, 2),
    "repeat_interleave dim": lambda m, x: x.repeat_interleave(3, 0),
    "cat": lambda m, x: m.cat((x, x * 2, x[:0])),
    "cat last": lambda m, x: m.cat([x, x], -1),
    "cat promotes": lambda m, x: m.cat([x, m.ones(*x.shape, dtype=m.float64)]),
    "cat skips empty": lambda m, x: m.cat([x, m.zeros(0, dtype=x.dtype)]),
    "cat wrong": lambda m, x: m.cat([x, m.zeros(7, 7)]),
    "cat none": lambda m, x: m.cat([]),
    "cat range": lambda m, x: m.cat([x], 9),
    "concat": lambda m, x: m.concatenate([x, x], 0),
    "stack": lambda m, x: m.stack([x, x * 3]),
    "stack last": lambda m, x: m.stack([x, x * 3], -1),
    "stack wrong": lambda m, x: m.stack([x, x.unsqueeze(0)]),
    "hstack": lambda m, x: m.hstack([x, x]),
    "vstack": lambda m, x: m.vstack([x, x]),
    "dstack": lambda m, x: m.dstack([x, x]),
    "meshgrid": lambda m, x: m.meshgrid(x.flatten(), x.flatten()[:2], indexing="ij"),
    "meshgrid xy": lambda m, x: m.meshgrid([x.flatten(), x.flatten()[:2], x.flatten()[:1]], indexing="xy"),
    "pad": lambda m, x: _f(m).pad(x, (1, 2)),
    "pad two": lambda m, x: _f(m).pad(x, (1, 0, 0, 2), value=1),
    "pad crop": lambda m, x: _f(m).pad(x, (-1, 1)),
    "pad crop all": lambda m, x: _f(m).pad(x, (-2, -9)),
    "pad odd": lambda m, x: _f(m).pad(x, (1,)),
    "pad many": lambda m, x: _f(m).pad(x, (1,) * 10),
}

SHAPES = [(2, 3), (4,), (), (2, 3, 4), (0, 3), (1, 2, 1)]


@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_values_and_gradients(name: str) -> None:
    expression = {**VIEWS, **COPIES}[name]
    for shape in SHAPES:
        check(expression, data(shape, "float32"))


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool"])
@pytest.mark.parametrize("layout", ["transposed", "strided"])
def test_other_layouts_and_dtypes(dtype: str, layout: str) -> None:
    for name, expression in {**VIEWS, **COPIES}.items():
        if dtype == "bool" and "* " in name:
            continue
        for shape in ((2, 3), (2, 3, 4)):
            array = data(shape, dtype, layout)
            if not (dtype == "bool" and name in ("slice_scatter", "diagonal_scatter", "cat", "stack")):
                check(expression, array)


def _view_is_shared(expression: Expression, array: np.ndarray) -> bool | None:
    x = tracegraph.from_numpy(array)
    try:
        result = expression(tracegraph, x)
    except (RuntimeError, IndexError, ValueError):
        return None
    parts = result if isinstance(result, tuple) else (result,)
    return all(np.may_share_memory(part._data, array) for part in parts if part.numel())


def test_views_share_memory_and_copies_do_not() -> None:
    array = data((2, 3, 4), "float32")
    views = {name: _view_is_shared(expression, array) for name, expression in VIEWS.items()}
    copies = {name: _view_is_shared(expression, array) for name, expression in COPIES.items() if "meshgrid" not in name}
    assert [name for name, shared in views.items() if shared is False and "broadcast_tensors" not in name] == []
    assert [name for name, shared in copies.items() if shared] == []


PADDED = [((5,), (2, 1)), ((3, 4), (1, 2)), ((2, 3, 4), (1, 0)), ((1, 2, 3, 4), (1, 2, 1, 1)), ((2, 3, 4), (4, 0))]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("shape", "widths"), PADDED)
def test_pad_modes(mode: str, shape: tuple[int, ...], widths: tuple[int, ...]) -> None:
    if len(shape) == 1:  # PyTorch asks for a channel dimension; ours is the same row by row
        row = data(shape, "float32")
        ours = tracegraph.pad(tracegraph.from_numpy(row), widths, mode=mode)
        theirs = torch.nn.functional.pad(torch.from_numpy(row)[None], widths, mode=mode)[0]
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    else:
        check(lambda m, x: _f(m).pad(x, widths, mode=mode), data(shape, "float32"))


INPLACE: dict[str, Any] = {
    "view": lambda m, x: x.view(1, 2, 3).mul_(3),
    "slice": lambda m, x: x[1:].mul_(x[:1].clone()),
    "slice of slice": lambda m, x: x[:, 1:][0].mul_(5),
    "step": lambda m, x: x[:, ::2].add_(1),
    "new dim": lambda m, x: x[None, :, 0].mul_(4),
    "transpose": lambda m, x: x.transpose(0, 1).mul_(m.tensor([[2.0, 3.0]])),
    "permute slice": lambda m, x: x.permute(1, 0)[1].add_(x[0, 0].clone()),
    "diagonal": lambda m, x: x.diagonal().mul_(7),
    "select": lambda m, x: x.select(1, 2).mul_(x.select(1, 0).clone()),
    "narrow": lambda m, x: x.narrow(1, 0, 2).mul_(2),
    "unsqueeze": lambda m, x: x.unsqueeze(0).squeeze(0).mul_(2),
    "expand": lambda m, x: x.unsqueeze(0).expand(1, 2, 3)[0].mul_(2),
    "kept: base changed": lambda m, x: (x[0], x.mul_(3))[0],
    "kept: sibling changed": lambda m, x: (x[0], x[:, 1:].mul_(3))[0],
    "kept: view": lambda m, x: x[:, 1].mul_(3),
    "kept: chain": lambda m, x: x.t()[1:].add_(2),
    "reshape flat": lambda m, x: x.flatten()[2:4].mul_(3),
    "setitem int": lambda m, x: x.__setitem__(1, 3.0),
    "setitem tensor": lambda m, x: x.__setitem__((slice(None), 1), x[:, 0] * 2),
    "setitem broadcast": lambda m, x: x.__setitem__(slice(None), x[0].clone()),
    "setitem on view": lambda m, x: x.t().__setitem__(0, x[:, 1]),
    "setitem ellipsis": lambda m, x: x.__setitem__(..., 2.0),
    "setitem mask": lambda m, x: x.__setitem__(x > 5, 0.5),
    "setitem mask values": lambda m, x: x.__setitem__(x > 6, x[0] * 2),
    "setitem indices": lambda m, x: x.__setitem__((m.tensor([0, 1]), m.tensor([2, 0])), x[0, :2] * 3),
    "setitem column": lambda m, x: x.__setitem__((slice(None), [0, 2]), x[:, 1:2].clone()),
    "setitem on view mask": lambda m, x: x[1].__setitem__(x[1] > 9, x[0, 0]),
    "unbind": lambda m, x: x.unsqueeze(0)[0].mul_(2),
}


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_through_views(name: str) -> None:
    for array in (data((2, 3), "float64"), np.asfortranarray(data((2, 3), "float64"))):
        check_inplace(INPLACE[name], array, keeps=name.startswith("kept"))


def test_inplace_on_an_expanded_view_is_refused() -> None:
    x = tracegraph.ones(3, 1)
    with pytest.raises((ArgumentError, ArgumentTypeError), match="clone"):
        x.expand(3, 4).add_(1)


def test_inplace_on_a_view_of_a_leaf_is_refused() -> None:
    x = tracegraph.ones(3, requires_grad=True)
    with pytest.raises(GradientError, match="leaf"):
        x[0] = 1.0


def test_view_that_needs_a_copy_names_reshape() -> None:
    with pytest.raises(ShapeError, match="reshape"):
        tracegraph.ones(2, 3).t().view(6)


def test_gradients_of_second_order() -> None:
    def twice(m: Any, x: Any) -> Any:
        y = m.cat([x[1:].t().reshape(-1), x.diagonal()])
        z = (y * y * y).sum() + (m.roll(x, 1) * x).sum() + (x.flip(0) ** 3).sum()
        grad = (tracegraph.autograd if m is tracegraph else torch.autograd).grad
        (first,) = grad(z, x, create_graph=True)
        return first * first

    check(twice, data((2, 3), "float64"))
