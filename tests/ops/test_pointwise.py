"""Element-by-element functions against PyTorch: values, dtypes, shapes and gradients, and where PyTorch refuses."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import Tensor, from_numpy

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

DTYPES = ("float32", "float64", "int64", "uint8", "bool")
Draw = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """A function of both libraries, and the range of its operands."""

    name: str
    arity: int = 1
    domain: Draw = (-3.0, 3.0)
    keywords: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = DTYPES
    functional: bool = False

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.keywords.items())])

    @property
    def ours(self) -> Callable[..., Any]:
        return getattr(tracegraph, self.name)  # type: ignore[no-any-return]

    @property
    def theirs(self) -> Callable[..., Any]:
        return getattr(torch.nn.functional if self.functional else torch, self.name)  # type: ignore[no-any-return]


FLOATS = ("float32", "float64")
UNARY = [
    *(Case(name) for name in (
        "neg", "square", "abs", "sign", "exp", "exp2", "expm1", "sigmoid", "sin", "cos", "tan", "atan", "sinh", "cosh",
        "tanh",
        "asinh", "erf", "erfc", "floor", "ceil", "trunc", "round", "frac", "isnan", "isinf", "isfinite", "logical_not",
        "bitwise_not", "relu", "nan_to_num", "absolute", "negative", "arctan", "fix", "reciprocal", "log", "sqrt",
    )),
    *(Case(name, domain=(0.1, 3.0)) for name in ("log", "log2", "log10", "sqrt", "rsqrt", "reciprocal")),
    *(Case(name, domain=(-0.9, 0.9)) for name in ("log1p", "asin", "acos", "atanh", "arcsin", "arctanh")),
    Case("acosh", domain=(1.1, 3.0)),
    Case("round", keywords={"decimals": 2}, dtypes=FLOATS),
    Case("round", keywords={"decimals": -1}, dtypes=FLOATS, domain=(-300, 300)),
    Case("clamp", keywords={"min": -1, "max": 1}), Case("clamp", keywords={"min": 0.5}),
    Case("clamp", keywords={"max": 0.5}),
    Case("clamp", keywords={"min": 1.0, "max": -1.0}), Case("clip", keywords={"max": 1}), Case("clamp"),
    Case("nan_to_num", keywords={"nan": 1.0, "posinf": 2.0, "neginf": -2.0}),
    *(Case(name, functional=True) for name in (
        "gelu", "silu", "softplus", "leaky_relu", "elu", "logsigmoid", "selu", "celu", "mish", "relu6", "hardtanh",
        "softsign", "hardsigmoid", "hardswish",
    )),
    *(Case(name, functional=True, keywords=keywords) for name, keywords in (
        ("gelu", {"approximate": "tanh"}), ("gelu", {"approximate": "x"}),
        ("softplus", {"beta": 3.0, "threshold": 2.0}),
        ("celu", {"alpha": 0.5}), ("elu", {"alpha": 0.3}), ("hardtanh", {"min_val": -0.5, "max_val": 0.7}),
        ("leaky_relu", {"negative_slope": -0.2}),
    )),
]  # fmt: skip
BINARY = [
    *(Case(name, 2) for name in (
        "add", "sub", "mul", "div", "true_divide", "subtract", "multiply", "divide", "eq", "ne", "lt", "le", "gt", "ge",
        "greater", "less_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
        "bitwise_left_shift", "bitwise_right_shift", "maximum", "minimum", "fmax", "fmin", "copysign", "isclose",
        "xlogy", "remainder", "fmod",
    )),
    *(Case(name, 2, dtypes=FLOATS) for name in ("hypot", "logaddexp")),
    Case("atan2", 2, dtypes=("float32", "float64", "int64", "bool")),  # PyTorch's gradient wraps in uint8
    *(Case(name, 2, domain=(1.0, 4.0)) for name in ("pow", "xlogy", "floor_divide", "remainder", "fmod")),
    *(Case("div", 2, domain=(1.0, 4.0), keywords={"rounding_mode": mode}) for mode in ("floor", "trunc", "up")),
    Case("add", 2, keywords={"alpha": 2}), Case("sub", 2, keywords={"alpha": -3}),
    Case("add", 2, keywords={"alpha": 0.5}),
    Case("isclose", 2, keywords={"rtol": 0.5, "atol": 0.5}),
]  # fmt: skip
OTHERS = [
    Case("addcmul", 3), Case("addcmul", 3, keywords={"value": 2}),
    Case("addcdiv", 3, domain=(0.5, 3), keywords={"value": 0.5}),
    Case("lerp", 3, dtypes=FLOATS), Case("clamp", 3),
]  # fmt: skip


def draw(rng: np.random.Generator, dtype: str, domain: Draw, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    low, high = domain
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if np.dtype(dtype).kind in "iu":
        return np.asarray(rng.integers(0 if dtype == "uint8" else int(low), int(high) + 1, shape)).astype(dtype)
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result, or the exception where there is none."""
    try:
        return function(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error


# What PyTorch does not take and we do: kernels it lacks for bools and integers, numbers for `maximum`, the difference
# of a bool and something else, and division of integers by zero, which gives 0 as in NumPy.
MORE = {
    "addcdiv", "addcmul", "atan2", "clamp", "copysign", "div", "floor_divide", "fmod", "frac", "hardtanh", "hypot",
    "isclose", "logaddexp", "maximum", "minimum", "relu6", "remainder", "selu", "softsign", "sub", "subtract",
}  # fmt: skip
# What PyTorch takes and we do not.
LESS = {
    ("square", "bool"),
    ("elu", "int64"),
    ("celu", "int64"),
    ("elu", "uint8"),
    ("celu", "uint8"),
    ("elu", "bool"),
    ("celu", "bool"),
}


def compare(ours: Any, theirs: Any, what: str, *, more: bool = False, less: bool = False) -> bool:
    """Check the result; True where both gave one."""
    if isinstance(theirs, Exception):
        assert more or isinstance(ours, Exception), f"{what}: PyTorch refuses ({theirs}), we gave {ours}"
        return False
    if isinstance(ours, Exception):
        assert less, f"{what}: {ours!r} where PyTorch gives {theirs}"
        return False
    expected = theirs.detach().numpy()
    assert ours.dtype == expected.dtype, f"{what}: dtype {ours.dtype}, PyTorch's is {expected.dtype}"
    assert ours.shape == expected.shape
    tolerance = 1e-6 if expected.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=tolerance, atol=tolerance, err_msg=what)
    return True


def check(case: Case, arrays: list[np.ndarray[Any, Any]]) -> None:
    """Value, dtype, shape, error and gradients of one call."""
    dtypes = {str(array.dtype) for array in arrays}
    what = f"{case} of {[f'{array.dtype}{array.shape}' for array in arrays]}"
    leaves = [from_numpy(array.copy()).requires_grad_(array.dtype.kind == "f") for array in arrays]
    theirs = [torch.from_numpy(array.copy()).requires_grad_(array.dtype.kind == "f") for array in arrays]
    ours_out, their_out = outcome(case.ours, *leaves, **case.keywords), outcome(case.theirs, *theirs, **case.keywords)
    less = any((case.name, dtype) in LESS for dtype in dtypes)
    if not compare(ours_out, their_out, what, more=case.name in MORE, less=less):
        return
    if not their_out.requires_grad:
        assert not ours_out.requires_grad or case.name == "floor_divide"
        return
    cotangent = np.random.default_rng(1).uniform(0.5, 1.5, ours_out.shape).astype(ours_out.dtype)
    refused = outcome(their_out.backward, torch.from_numpy(cotangent))
    if isinstance(refused, Exception):
        return
    tracegraph.autograd.backward(ours_out, from_numpy(cotangent))
    for mine, other in zip(leaves, theirs, strict=True):
        if other.grad is not None:
            assert mine.grad is not None, what
            compare(mine.grad, other.grad, f"gradient of {what}")


@pytest.mark.parametrize("case", UNARY, ids=str)
def test_unary(case: Case) -> None:
    rng = np.random.default_rng(0)
    for dtype in case.dtypes:
        for shape in ((3, 4), (), (0, 2), (33,)):
            check(case, [draw(rng, dtype, case.domain, shape)])
        check(case, [draw(rng, dtype, case.domain, (4, 6)).T[::2]])


@pytest.mark.parametrize("case", BINARY, ids=str)
def test_binary(case: Case) -> None:
    rng = np.random.default_rng(0)
    shapes: list[tuple[tuple[int, ...], ...]] = [
        ((3, 4), (3, 4)),
        ((3, 1), (4,)),
        ((), (2, 3)),
        ((0, 2), (2,)),
        ((), ()),
    ]
    for left, right in itertools.product(case.dtypes, repeat=2):
        for a, b in shapes if left == right else shapes[1:3]:
            check(case, [draw(rng, left, case.domain, a), draw(rng, right, case.domain, b)])
    check(case, [draw(rng, "float64", case.domain, (4, 3)).T, draw(rng, "float64", case.domain, (3, 8))[::-1, ::2]])


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_three_operands(case: Case) -> None:
    rng = np.random.default_rng(0)
    for dtype in case.dtypes:
        for group in (((2, 3), (2, 3), (2, 3)), ((3, 1), (4,), ()), ((), (), ())):
            check(case, [draw(rng, dtype, case.domain, shape) for shape in group])


SCALARS = (2, 0.5, -1.5, 0, True, float("nan"), -0.0)
OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "%": lambda a, b: a % b, "**": lambda a, b: a**b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b, "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "//": lambda a, b: a // b,
}  # fmt: skip


def refuses_bool(symbol: str, scalar: Any, dtype: str) -> bool:
    """Where PyTorch computes with bools what we leave undefined: powers."""
    return symbol == "**" and isinstance(scalar, bool) and dtype == "bool"


@pytest.mark.parametrize("reflected", [False, True], ids=["tensor-scalar", "scalar-tensor"])
@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_with_numbers(symbol: str, reflected: bool) -> None:
    function = OPERATORS[symbol]
    rng = np.random.default_rng(0)
    for dtype, scalar in itertools.product(DTYPES, SCALARS):
        array = draw(rng, dtype, (1.0, 4.0), (5,))
        mine, other = from_numpy(array.copy()), torch.from_numpy(array.copy())
        pairs = [(scalar, mine), (scalar, other)] if reflected else [(mine, scalar), (other, scalar)]
        if refuses_bool(symbol, scalar, dtype):
            continue
        ours, theirs = outcome(function, *pairs[0]), outcome(function, *pairs[1])
        compare(ours, theirs, f"{pairs[0]} {symbol}", more=symbol in ("**", "+", "-", "%", "//"))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 2.5, -1.5, 4], ids=str)
def test_power_by_a_number_and_its_gradients(exponent: float) -> None:
    for array in (np.array([0.5, 1.5, 2.0]), np.array([-0.5, 0.0, 2.0])):
        mine, other = from_numpy(array.copy()).requires_grad_(), torch.from_numpy(array.copy()).requires_grad_()
        first = tracegraph.autograd.grad([(mine**exponent).sum()], [mine], create_graph=True)[0]
        expected = torch.autograd.grad((other**exponent).sum(), other, create_graph=True)[0]
        compare(first, expected, "first order")
        if array.min() <= 0:
            continue
        second = tracegraph.autograd.grad([first.sum()], [mine], allow_unused=True)[0] if first.requires_grad else None
        if second is not None:
            compare(second, torch.autograd.grad(expected.sum(), other)[0], "second order")


def test_gradient_of_power_at_zero() -> None:
    base, exponent = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 0.0])
    check(Case("pow", 2), [base, exponent])


@pytest.mark.parametrize(
    "name", ["maximum", "minimum", "fmax", "fmin", "atan2", "copysign", "fmod", "remainder", "pow", "hypot"]
)
def test_special_values_of_two(name: str) -> None:
    special = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan]
    pairs = np.array(list(itertools.product(special, repeat=2)))
    ours = getattr(tracegraph, name)(from_numpy(pairs[:, 0].copy()), from_numpy(pairs[:, 1].copy())).numpy()
    expected = getattr(torch, name)(torch.from_numpy(pairs[:, 0].copy()), torch.from_numpy(pairs[:, 1].copy())).numpy()
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("case", [case for case in UNARY if case.name != "sign" and not case.keywords], ids=str)
def test_special_values_of_one(case: Case) -> None:
    special = np.array([0.0, -0.0, 1.0, -1.0, 700.0, -700.0, np.inf, -np.inf, np.nan])
    compare(outcome(case.ours, from_numpy(special)), outcome(case.theirs, torch.from_numpy(special)), str(case))


@pytest.mark.parametrize(
    "name", ["relu", "abs", "clamp", "hardtanh", "relu6", "elu", "leaky_relu", "maximum", "minimum", "sqrt"]
)
def test_gradients_at_kinks(name: str) -> None:
    special = np.array([0.0, -0.0, 1.0, -1.0, 6.0, 1.0])
    case = Case(name, functional=name in ("hardtanh", "relu6", "elu", "leaky_relu"))
    if name == "clamp":
        case = Case(name, keywords={"min": -1.0, "max": 1.0})
    second = [np.array([0.0, 0.0, 1.0, 2.0, np.nan, 1.0])] if name in ("maximum", "minimum") else []
    check(case, [special, *second])


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_functions_are_accurate(name: str) -> None:
    x = np.concatenate(
        [np.linspace(-7, 27, 20001), np.geomspace(1e-300, 1, 2000), [0.46875, 4.0, -4.0, 30.0, np.inf, -np.inf, np.nan]]
    )
    ours = getattr(tracegraph, name)(from_numpy(x)).numpy()
    expected = getattr(torch.special, name)(torch.from_numpy(x)).numpy()
    ordinary = (np.abs(expected) > 1e-300) & np.isfinite(expected)
    error = np.abs(ours - expected)[ordinary] / np.spacing(np.abs(expected[ordinary]))
    assert error.max() <= 6, f"{error.max()} ulp at {x[ordinary][error.argmax()]}"
    np.testing.assert_allclose(ours[~ordinary], expected[~ordinary], rtol=0, atol=1e-299)


def test_error_function_in_float32() -> None:
    x = np.concatenate([np.linspace(-6, 6, 30001), [np.inf, -np.inf, np.nan, 0.0, -0.0]]).astype(np.float32)
    ours, expected = tracegraph.erf(from_numpy(x)).numpy(), torch.erf(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(ours, expected, rtol=6e-7, atol=0)
    assert np.signbit(ours[-1])


def test_logarithms_and_softplus_far_out() -> None:
    x = np.array([-1e4, -50.0, 0.0, 50.0, 1e4])
    for name in ("logsigmoid", "softplus", "elu", "gelu", "silu", "mish"):
        check(Case(name, functional=True), [x])
    check(Case("logaddexp", 2), [x, x])


WHERE = [
    (2, 3),
    (2.5, 3),
    (True, 2.5),
    (np.array([1, 2]), 2.5),
    (np.array([1.0, 2.0], np.float32), 3),
    (np.array([1.0, 2.0]), np.array(3)),
]


@pytest.mark.parametrize("operands", WHERE, ids=str)
def test_where_mixes_tensors_and_numbers(operands: tuple[Any, Any]) -> None:
    condition = np.array([True, False])
    ours = [from_numpy(value) if isinstance(value, np.ndarray) else value for value in operands]
    theirs = [torch.from_numpy(value) if isinstance(value, np.ndarray) else value for value in operands]
    compare(tracegraph.where(from_numpy(condition), *ours), torch.where(torch.from_numpy(condition), *theirs), "where")


def test_where_as_method_hides_nan_from_the_gradient() -> None:
    x = from_numpy(np.array([-1.0, 4.0])).requires_grad_()
    tracegraph.autograd.backward((x.log().where(x > 0, 0.0) * 1.0).sum())
    assert x.grad is not None
    assert x.grad.tolist()[1] == 0.25


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tracegraph.where(x, x, x),
        lambda x: tracegraph.masked_fill(x, x, 1.0),
        tracegraph.clamp,
        lambda x: tracegraph.div(x, x, rounding_mode="up"),
        lambda x: x + "text",
        lambda x: x & 1,
        lambda x: tracegraph.add(x, tracegraph.tensor([1.0, 2.0])),
        lambda x: tracegraph.tensor([1, 2]) ** -1,
        lambda x: -tracegraph.tensor([True]),
        lambda x: tracegraph.tensor([True]) - tracegraph.tensor([True]),
        lambda x: tracegraph.tensor([True]) << tracegraph.tensor([True]),
        lambda x: tracegraph.isclose(x, x.double()),
        lambda x: tracegraph.gelu(tracegraph.tensor([1])),
    ],
)
def test_refusals_say_which_function(call: Callable[[Tensor], Any]) -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        call(tracegraph.tensor([1.0, 2.0, 3.0]))
    assert str(caught.value)


def test_allclose_and_equal() -> None:
    a, b = tracegraph.tensor([1.0, float("nan")]), tracegraph.tensor([1.0, float("nan")])
    assert tracegraph.allclose(a, b, equal_nan=True) is True
    assert tracegraph.allclose(a, b) is False
    assert tracegraph.equal(a, b) is False
    assert tracegraph.equal(a[:1], b[:1]) is True
    assert tracegraph.equal(a, a[:1]) is False
