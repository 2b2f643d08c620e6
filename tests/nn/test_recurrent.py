"""Recurrent layers, packed sequences: equal to PyTorch's, refusing what it refuses, and right when traced."""

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.copied import compare_call, copy_weights, numpy, one_thread, same, to_ours, torch  # noqa: F401
from tracegraph import nn, optim
from tracegraph.nn.utils import rnn

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
theirs = torch.nn.utils.rnn
LENGTHS = {"sorted": [4, 2, 2, 1], "unsorted": [2, 5, 1, 5, 3], "equal": [3, 3]}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"num_layers": 2, "bidirectional": True, "nonlinearity": "relu", "bias": False}),
    ("LSTM", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    ("LSTM", {"proj_size": 2, "bidirectional": True, "num_layers": 2}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False, "batch_first": True}),
]
CELLS: list[tuple[str, dict[str, Any]]] = [
    ("RNNCell", {}),
    ("RNNCell", {"nonlinearity": "relu", "bias": False}),
    ("LSTMCell", {}),
    ("LSTMCell", {"bias": False}),
    ("GRUCell", {}),
    ("GRUCell", {"bias": False}),
]


def pair(name: str, options: dict[str, Any], dtype: Any = torch.float64) -> tuple[Any, Any]:
    """A module of input size 3 and hidden size 4 of ours, and PyTorch's."""
    torch.manual_seed(0)
    yours = getattr(torch.nn, name)(3, 4, **options).to(dtype)
    return copy_weights(getattr(nn, name)(3, 4, **options), yours), yours


def floats(*shape: int, grad: bool = True, dtype: Any = torch.float64) -> Any:
    """Random numbers of PyTorch's."""
    return torch.randn(*shape, dtype=dtype, requires_grad=grad)


def states(name: str, options: dict[str, Any], *batch: int, dtype: Any = torch.float64) -> Any:
    """Initial states."""
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    hidden = floats(count, *batch, options.get("proj_size") or 4, dtype=dtype)
    return (hidden, floats(count, *batch, 4, dtype=dtype)) if name == "LSTM" else hidden


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_padded_like_torch(name: str, options: dict[str, Any]) -> None:
    for dtype in (torch.float64, torch.float32):
        mine, yours = pair(name, options, dtype)
        assert repr(mine) == repr(yours)
        assert [numpy(w).shape for row in mine.all_weights for w in row] == [
            tuple(w.shape) for row in yours.all_weights for w in row
        ]
        batch_first = options.get("batch_first")
        for shape in ((5, 2, 3), (2, 1, 3)):
            x = floats(*shape, dtype=dtype)
            compare_call(mine, yours, (x,), {})
            batch = shape[0] if batch_first else shape[1]
            compare_call(mine, yours, (x, states(name, options, batch, dtype=dtype)), {})
        compare_call(mine, yours, (floats(5, 3, dtype=dtype), states(name, options, dtype=dtype)), {})


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_packed_like_torch(name: str, options: dict[str, Any], lengths: list[int]) -> None:
    mine, yours = pair(name, options)
    x = floats(max(lengths), len(lengths), 3, grad=False)
    given = states(name, options, len(lengths))
    packed = theirs.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    packed = packed._replace(data=packed.data.requires_grad_())
    compare_call(mine, yours, (packed,), {})
    compare_call(mine, yours, (packed, given), {})


@pytest.mark.parametrize(("name", "options"), CELLS)
def test_cells_like_torch(name: str, options: dict[str, Any]) -> None:
    mine, yours = pair(name, options)
    assert repr(mine) == repr(yours)
    for shape in ((2, 3), (3,)):
        state: Any = floats(*shape[:-1], 4)
        compare_call(mine, yours, (floats(*shape),), {})
        compare_call(
            mine, yours, (floats(*shape), (state, floats(*shape[:-1], 4)) if name == "LSTMCell" else state), {}
        )


REFUSED_INPUTS: dict[str, Any] = {
    "rank": lambda: (floats(3),),
    "features": lambda: (floats(5, 2, 4),),
    "no_steps": lambda: (floats(0, 2, 3),),
    "dtype": lambda: (floats(5, 2, 3, dtype=torch.float32),),
    "state_batch": lambda: (floats(5, 2, 3), floats(1, 3, 4)),
    "state_width": lambda: (floats(5, 2, 3), floats(1, 2, 5)),
    "state_layers": lambda: (floats(5, 2, 3), floats(2, 2, 4)),
    "state_rank": lambda: (floats(5, 2, 3), floats(1, 4)),
    "unbatched_state_rank": lambda: (floats(5, 3), floats(1, 1, 4)),
}


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("case", REFUSED_INPUTS)
def test_refused_inputs(name: str, case: str) -> None:
    mine, yours = pair(name, {})
    input, *state = REFUSED_INPUTS[case]()
    arguments = (input, *[(part, part) if name == "LSTM" else part for part in state])
    with pytest.raises((RuntimeError, ValueError)):
        yours(*arguments)
    with pytest.raises((RuntimeError, ValueError), match=r"[a-z]"):
        mine(*to_ours(arguments))


REFUSED_SETTINGS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("LSTM", (0, 4), {}),
    ("LSTM", (3, 0), {}),
    ("LSTM", (3, 4), {"num_layers": 0}),
    ("LSTM", (3, 4), {"dropout": 1.5}),
    ("LSTM", (3, 4), {"dropout": True}),
    ("LSTM", (3, 4), {"proj_size": 4}),
    ("LSTM", (3, 4), {"proj_size": -1}),
    ("LSTM", (3.0, 4), {}),
    ("LSTM", (3, 4), {"bias": 1}),
    ("LSTM", (3, 4), {"batch_first": 1}),
    ("GRU", (3, 4), {"proj_size": 2}),
    ("RNN", (3, 4), {"nonlinearity": "gelu"}),
]


@pytest.mark.parametrize(("name", "sizes", "options"), REFUSED_SETTINGS)
def test_refused_settings(name: str, sizes: tuple[Any, ...], options: dict[str, Any]) -> None:
    for module in (torch.nn, nn):
        with pytest.raises((ValueError, TypeError)):
            getattr(module, name)(*sizes, **options)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RNNCell", ((2, 4),)),
        ("LSTMCell", ((2, 2, 3),)),
        ("GRUCell", ((2, 3), (3, 4))),
        ("RNNCell", ((2, 3), (2, 5))),
        ("GRUCell", ((2, 3), (2, 1, 4))),
    ],
)
def test_refused_by_cells(name: str, arguments: tuple[tuple[int, ...], ...]) -> None:
    mine, yours = pair(name, {})
    values = [floats(*shape) for shape in arguments]
    with pytest.raises((RuntimeError, ValueError)):
        yours(*values)
    with pytest.raises((RuntimeError, ValueError), match=name):
        mine(*to_ours(values))


def test_dropout_between_layers() -> None:
    with pytest.warns(UserWarning, match="num_layers"):
        nn.LSTM(3, 4, dropout=0.5)
    network = nn.RNN(3, 400, num_layers=2, dropout=0.25, nonlinearity="relu", bias=False)
    x: Any = tracegraph.ones(1, 5, 3)
    with tracegraph.no_grad():
        for name, weight in network.named_parameters():
            weight.copy_(tracegraph.eye(*weight.shape) if name == "weight_ih_l1" else tracegraph.zeros(weight.shape))
        network.weight_ih_l0.fill_(0.5)
    tracegraph.manual_seed(0)
    first, second, values = network(x)[0], network(x)[0], numpy(network.eval()(x)[0])
    np.testing.assert_allclose(values, 1.5)
    np.testing.assert_allclose(np.unique(numpy(first)), [0.0, 2.0], rtol=1e-6)
    assert abs((numpy(first) == 0).mean() - 0.25) < 0.04
    assert (numpy(first) != numpy(second)).any()
    tracegraph.manual_seed(0)
    np.testing.assert_array_equal(numpy(network.train()(x)[0]), numpy(first))


def test_modules_can_be_copied_and_saved() -> None:
    mine, yours = pair("LSTM", {"num_layers": 2})
    x = floats(5, 2, 3)
    for other in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        same(other(to_ours(x)), yours(x), "copied")
    assert mine.flatten_parameters() is None
    assert nn.GRU(3, 4, dtype=tracegraph.float64).weight_hh_l0.dtype == tracegraph.float64
    weights = numpy(nn.GRU(30, 25).weight_ih_l0)
    assert 0.19 < np.abs(weights).max() < 0.2


# -- sequences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_packing_like_torch(lengths: list[int], shape: tuple[int, ...]) -> None:
    for batch_first, as_tensor in itertools.product((False, True), (False, True)):
        sizes = (len(lengths), max(lengths) + 1) if batch_first else (max(lengths) + 1, len(lengths))
        x = floats(*sizes, *shape)
        y = to_ours(x)
        given = torch.tensor(lengths) if as_tensor else lengths
        a = rnn.pack_padded_sequence(y, to_ours(given), batch_first, enforce_sorted=False)
        b = theirs.pack_padded_sequence(x, given, batch_first, enforce_sorted=False)
        same(a, b, "packed")
        options: dict[str, Any] = {
            "batch_first": batch_first,
            "padding_value": -1.5,
            "total_length": sizes[batch_first],
        }
        same(rnn.pad_packed_sequence(a), theirs.pad_packed_sequence(b), "padded")
        same(rnn.unpack_sequence(a), theirs.unpack_sequence(b), "unpacked")
        m, t = rnn.pad_packed_sequence(a, **options), theirs.pad_packed_sequence(b, **options)
        same(m, t, "padded with options")
        (m[0] * m[0]).sum().backward()
        (t[0] * t[0]).sum().backward()
        same(y.grad, x.grad, "gradient")
        same(
            rnn.unpad_sequence(y, to_ours(torch.tensor(lengths)), batch_first),
            theirs.unpad_sequence(x.detach().clone(), torch.tensor(lengths), batch_first),
            "unpadded",
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
@pytest.mark.parametrize("side", ["left", "right"])
def test_sequences_like_torch(dtype: Any, side: str) -> None:
    sequences = [torch.randint(0, 2, (length, 2)).to(dtype) for length in (3, 1, 0, 3, 4)]
    for batch_first, value in itertools.product((False, True), (0.0, 1.0)):
        options: dict[str, Any] = {"batch_first": batch_first, "padding_value": value, "padding_side": side}
        same(rnn.pad_sequence(to_ours(sequences), **options), theirs.pad_sequence(sequences, **options), "padded")
    del sequences[2]
    packed = rnn.pack_sequence(to_ours(sequences), enforce_sorted=False)
    same(packed, theirs.pack_sequence(sequences, enforce_sorted=False), "packed")
    same(rnn.unpack_sequence(packed), sequences, "unpacked")
    assert packed.double().data.dtype == tracegraph.float64
    assert packed.to(packed.data.dtype) is packed
    assert packed.cpu() is packed


def test_packed_sequence_is_a_named_tuple() -> None:
    packed, expected = rnn.pack_sequence([tracegraph.tensor([1, 2])]), theirs.pack_sequence([torch.tensor([1, 2])])
    assert packed._fields == expected._fields
    assert repr(packed) == repr(expected)
    pair = rnn.PackedSequence((packed.data, packed.batch_sizes), sorted_indices=tracegraph.tensor([1, 0, 2]))
    assert pair.unsorted_indices is not None
    assert pair.unsorted_indices.tolist() == [1, 0, 2]


REFUSED_SEQUENCES: dict[str, Any] = {
    "unsorted": lambda m, t: m.pack_padded_sequence(t.zeros(4, 2), [2, 3]),
    "zero": lambda m, t: m.pack_padded_sequence(t.zeros(4, 2), [2, 0]),
    "count": lambda m, t: m.pack_padded_sequence(t.zeros(4, 2), [2]),
    "total": lambda m, t: m.pad_packed_sequence(m.pack_padded_sequence(t.zeros(4, 2), [4, 2]), total_length=3),
    "none": lambda m, t: m.pad_sequence([]),
    "no_list": lambda m, t: m.pad_sequence(3),
    "side": lambda m, t: m.pad_sequence([t.zeros(2)], padding_side="top"),
    "shapes": lambda m, t: m.pad_sequence([t.zeros(2, 3), t.zeros(2, 2)]),
    "unpad": lambda m, t: m.unpad_sequence(t.zeros(4, 2), t.tensor([1])),
}


@pytest.mark.parametrize("case", REFUSED_SEQUENCES)
def test_refused_sequences(case: str) -> None:
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        REFUSED_SEQUENCES[case](theirs, torch)
    with pytest.raises((RuntimeError, ValueError, TypeError), match=r"[a-z]"):
        REFUSED_SEQUENCES[case](rnn, tracegraph)


# -- traced -----------------------------------------------------------------------------------------------------------


class Reader(nn.Module):
    """Reads padded sequences whose lengths Python knows."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__()
        self.network = getattr(nn, name)(3, 4, **options)
        self.last = nn.Linear(8 if options.get("bidirectional") else 4, 1)

    def forward(self, x: Any, lengths: Any) -> Any:
        if lengths is None:
            return self.last(self.network(x)[0])
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        output, _ = self.network(packed)
        return self.last(rnn.pad_packed_sequence(output)[0])


TRACED = [
    ("RNN", {"bidirectional": True}, None),
    ("LSTM", {"num_layers": 2}, None),
    ("GRU", {}, None),
    ("LSTM", {"bidirectional": True}, [1, 3]),
]


def training(model: Any, lengths: Any) -> Any:
    """A step of a model that takes lengths."""
    optimiser = optim.SGD(model.parameters(), lr=0.5)

    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = (model(x, lengths) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss

    return step


@pytest.mark.parametrize(("name", "options", "lengths"), TRACED)
def test_traced_training(name: str, options: dict[str, Any], lengths: Any) -> None:
    eager = Reader(name, **options)
    model = copy.deepcopy(eager)
    plain, traced = training(eager, lengths), tracegraph.trace(training(model, lengths))
    for seed in range(4):
        x = to_ours(torch.from_numpy(np.random.default_rng(seed).standard_normal((3, 2, 3)).astype(np.float32)))
        np.testing.assert_allclose(numpy(traced(x)), numpy(plain(x)), rtol=1e-5)
    assert traced.explain().verdict == "static", traced.explain()
    assert len(traced.entries) == 1
    for mine, other in zip(model.parameters(), eager.parameters(), strict=True):
        np.testing.assert_allclose(numpy(mine), numpy(other), rtol=1e-4, atol=1e-6)


def test_traced_dropout_draws_as_eager() -> None:
    network = nn.GRU(3, 4, num_layers=2, dropout=0.5)

    def run(x: Any) -> Any:
        return network(x)[0].detach()

    traced = tracegraph.trace(run)
    x: Any = tracegraph.ones(2, 2, 3)
    for seed in range(3):
        tracegraph.manual_seed(seed)
        expected = numpy(run(x))
        tracegraph.manual_seed(seed)
        np.testing.assert_allclose(numpy(traced(x)), expected, rtol=1e-5)
    assert traced.explain().verdict == "static"


def test_lengths_from_outside_are_read_on_each_call() -> None:
    network = nn.LSTM(3, 4)

    def run(x: Any, lengths: Any) -> Any:
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return rnn.pad_packed_sequence(network(packed)[0])[0].detach()

    def packed_outside(packed: Any) -> Any:
        output, _ = network(packed)
        return rnn.pad_packed_sequence(output)[0].detach()

    traced, other = tracegraph.trace(run), tracegraph.trace(packed_outside)
    x: Any = tracegraph.randn(4, 3, 3)
    for lengths in ([4, 2, 1], [4, 2, 1], [1, 4, 4], [3, 2, 4], [4, 2, 1]):
        given = tracegraph.tensor(lengths)
        expected = numpy(run(x, given))
        np.testing.assert_allclose(numpy(traced(x, given)), expected, rtol=1e-5, atol=1e-6)
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        np.testing.assert_allclose(numpy(other(packed)), expected, rtol=1e-5, atol=1e-6)
    assert traced.explain().verdict == other.explain().verdict == "co-executed"


def test_packed_results_of_traced_functions() -> None:
    network = nn.GRU(3, 4)

    @tracegraph.trace
    def run(x: Any) -> Any:
        return network(rnn.pack_padded_sequence(x, [3, 1]))

    for seed in range(3):
        tracegraph.manual_seed(seed)
        x: Any = tracegraph.randn(3, 2, 3)
        output, hidden = run(x)
        expected, last = network(rnn.pack_padded_sequence(x, [3, 1]))
        assert type(output) is rnn.PackedSequence
        assert output.batch_sizes.tolist() == [2, 1, 1]
        np.testing.assert_allclose(numpy(output.data), numpy(expected.data), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(numpy(hidden), numpy(last), rtol=1e-5, atol=1e-6)
    assert run.explain().verdict == "static"
