"""Pairs of modules, ours and PyTorch's, with the same weights, called alike: results, gradients, errors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn
from tracegraph.nn.utils.rnn import PackedSequence

torch = pytest.importorskip("torch")

TOLERANCES = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-9}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other on a busy machine: small modules run faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def numpy(value: Any) -> np.ndarray:
    """The values of a tensor of either library."""
    return value.detach().numpy() if isinstance(value, tracegraph.Tensor) else value.numpy(force=True)


def to_ours(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Tensors of PyTorch as ours, in all kinds of containers, one for one; modules with their weights."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            made = tracegraph.tensor(value.numpy(force=True))
            known[id(value)] = made.requires_grad_() if value.requires_grad else made
        return known[id(value)]
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return PackedSequence(*[to_ours(part, known) for part in value])
    if isinstance(value, torch.nn.Module):
        return module_to_ours(value)
    if isinstance(value, torch.dtype):
        return getattr(tracegraph, str(value).removeprefix("torch."))
    if isinstance(value, list | tuple):
        return type(value)(to_ours(part, known) for part in value)
    if isinstance(value, dict):
        return {name: to_ours(part, known) for name, part in value.items()}
    named = getattr(value, "__name__", None)
    return getattr(nn.functional, named) if named and getattr(torch.nn.functional, named, None) is value else value


def module_to_ours(module: Any) -> Any:
    """A transformer layer of PyTorch as ours."""
    made = getattr(nn, type(module).__name__)
    if "Layer" not in type(module).__name__ or type(module).__name__ == "LayerNorm":
        return made(module.normalized_shape) if hasattr(module, "normalized_shape") else made()
    attention, sizes = module.self_attn, (module.linear1.out_features, module.dropout.p)
    layer = made(
        module.linear1.in_features,
        attention.num_heads,
        *sizes,
        activation=to_ours(module.activation),
        layer_norm_eps=module.norm1.eps,
        batch_first=attention.batch_first,
        norm_first=module.norm_first,
        bias=module.linear1.bias is not None,
    )
    return copy_weights(layer, module)


def copy_weights(mine: Any, yours: Any) -> Any:
    """Give a module of ours the weights of PyTorch's; both have the same keys."""
    state = yours.state_dict()
    assert list(mine.state_dict()) == list(state)
    if state:
        mine = mine.to(getattr(tracegraph, str(next(iter(state.values())).dtype).removeprefix("torch.")))
    mine.load_state_dict({name: to_ours(value) for name, value in state.items()})
    return mine.train(yours.training)


def tensors(value: Any) -> Iterator[Any]:
    """The tensors of a nested result."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif value is not None and hasattr(value, "requires_grad"):
        yield value


def same(mine: Any, yours: Any, what: str, tolerance: float | None = None) -> None:
    """Assert that two nested results are equal, dtypes and shapes included."""
    pairs = list(zip(tensors(mine), tensors(yours), strict=True))
    for number, (m, y) in enumerate(pairs):
        where = f"{what} {number}"
        assert m.dtype.name == str(y.dtype).removeprefix("torch."), where
        assert m.shape == tuple(y.shape), where
        near = tolerance or TOLERANCES.get(m.dtype.name, 0)
        np.testing.assert_allclose(numpy(m), numpy(y), rtol=near, atol=near, equal_nan=True, err_msg=where)


def compare_call(mine: Any, yours: Any, arguments: Any, options: Any, tolerance: float | None = None) -> None:
    """Assert that both modules give the same for PyTorch's arguments: results, gradients of inputs and parameters.

    Or that both refuse them.
    """
    our_arguments, our_options = to_ours((arguments, options))
    for tensor in tensors([arguments, options]):
        if tensor.requires_grad:
            tensor.retain_grad()
            tensor.grad = None
    try:
        expected: Any = yours(*arguments, **options)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
            mine(*our_arguments, **our_options)
        return
    result = mine(*our_arguments, **our_options)
    same(result, expected, "result", tolerance)
    float_results = [(m, y) for m, y in zip(tensors(result), tensors(expected), strict=True) if y.requires_grad]
    if not float_results:
        return
    for m, y in float_results:
        cotangent = np.cos(np.arange(m.numel()) + 0.5).reshape(m.shape).astype(m.dtype)
        m.backward(tracegraph.tensor(cotangent), retain_graph=True)
        y.backward(torch.from_numpy(cotangent), retain_graph=True)
    inputs = [*tensors([our_arguments, our_options]), *mine.parameters()]
    theirs = [*tensors([arguments, options]), *yours.parameters()]
    for number, (m, y) in enumerate(zip(inputs, theirs, strict=True)):
        if y.grad is not None and m.grad is None:
            assert not y.grad.any()
        elif m.grad is not None:
            same(m.grad, torch.zeros_like(y) if y.grad is None else y.grad, f"gradient {number}", tolerance)
