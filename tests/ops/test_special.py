"""Special functions against PyTorch on dense grids in float32 and float64, their gradients to order 2, and traced."""

from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

Grid = tuple[float, float]
UNARY: dict[str, Grid] = {
    "erf": (-6, 6), "erfc": (-6, 20), "erfcx": (-5, 60), "erfinv": (-0.999, 0.999), "gammaln": (0.1, 50),
    "digamma": (0.1, 50), "i0": (-60, 60), "i0e": (-60, 60), "i1": (-60, 60), "i1e": (-60, 60), "ndtr": (-8, 8),
    "ndtri": (0.001, 0.999), "log_ndtr": (-30, 8), "entr": (0.01, 5), "sinc": (-5, 5), "logit": (0.01, 0.99),
    "expit": (-20, 20), "exp2": (-10, 10), "expm1": (-2, 2), "log1p": (-0.9, 5), "psi": (0.1, 50),
}  # fmt: skip
NEGATIVE: dict[str, Grid] = {"gammaln": (-9.7, -0.3), "digamma": (-9.7, -0.3)}


def grid(limits: Grid, dtype: str) -> np.ndarray[Any, Any]:
    return np.linspace(*limits, 1236).astype(dtype)


def close(mine: Any, yours: Any, relative: float, what: str) -> None:
    """The results differ by `relative` of themselves, or of 1 where they are smaller than a hundredth."""
    np.testing.assert_allclose(
        mine.detach().numpy(), yours.detach().numpy(), rtol=relative, atol=relative / 100, equal_nan=True, err_msg=what
    )


@pytest.mark.parametrize("name", UNARY)
def test_values_and_gradients(name: str) -> None:
    ours, theirs = getattr(tracegraph.special, name), getattr(torch.special, name)
    for dtype, relative in (("float64", 1e-12), ("float32", 2e-6)):
        for limits in (UNARY[name], NEGATIVE.get(name)):
            if limits is None:
                continue
            array = grid(limits, dtype)
            if dtype == "float32" and name in ("erfcx", "gammaln", "digamma", "psi", "sinc", "ndtr"):
                relative = 1e-5  # PyTorch's own error near zeros, in exp(x**2) and in 1 + erf(x)
            close(ours(tracegraph.tensor(array)), theirs(torch.tensor(array)), relative, f"{name} in {dtype}")
    array = grid(UNARY[name], "float64")
    weights = np.cos(np.arange(array.size))
    x, y = tracegraph.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    (first,) = tracegraph.autograd.grad([ours(x)], [x], [tracegraph.tensor(weights)], create_graph=True)
    (first_there,) = torch.autograd.grad(theirs(y), y, torch.tensor(weights), create_graph=True)
    precision = 1e-8 if name in ("digamma", "psi") else 1e-10  # PyTorch's trigamma has 10 digits
    close(first, first_there, precision, f"gradient of {name}")
    if name in ("log_ndtr", "i1", "i1e", "i0e"):
        return  # PyTorch has not the second derivative, or loses digits in it
    (second,) = tracegraph.autograd.grad([first.sum()], [x])
    (second_there,) = torch.autograd.grad(first_there.sum(), y)
    close(second, second_there, 1e-7, f"second derivative of {name}")


@pytest.mark.parametrize("order", range(5))
def test_polygamma(order: int) -> None:
    for limits in ((0.1, 40.0), (-4.7, -0.3)):
        array = grid(limits, "float64")
        expected = torch.polygamma(order, torch.tensor(array))
        precision = 1e-9 if order == 1 or limits[0] < 0 else 1e-12  # PyTorch's trigamma has 10 digits
        close(tracegraph.polygamma(order, tracegraph.tensor(array)), expected, precision, f"order {order}")
    x, y = tracegraph.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    x.polygamma(order).sum().backward()
    y.polygamma(order).sum().backward()
    close(x.grad, y.grad, 1e-9, f"gradient of polygamma of order {order}")


def test_zeta_of_hurwitz() -> None:
    order, start = np.meshgrid(np.array([1.0, 1.1, 2.0, 3.5, 6.0, 0.5]), np.array([0.1, 1.0, 2.5, 9.0, 1e3, 0.0, -1.0]))
    ours = tracegraph.special.zeta(tracegraph.tensor(order), tracegraph.tensor(start))
    close(ours, torch.special.zeta(torch.tensor(order), torch.tensor(start)), 1e-12, "zeta")
    assert float(tracegraph.special.zeta(tracegraph.tensor(2.0), float("inf"))) == 0.0


def test_trigamma_at_known_points() -> None:
    values = tracegraph.polygamma(1, tracegraph.tensor([1.0, 0.5, -0.5], dtype=tracegraph.float64)).numpy()
    np.testing.assert_allclose(values, [np.pi**2 / 6, np.pi**2 / 2, np.pi**2 / 2 + 4], rtol=1e-14)


def test_multivariate_gamma() -> None:
    array = grid((3.0, 30.0), "float64")
    for dimension in (1, 2, 5):
        close(
            tracegraph.mvlgamma(tracegraph.tensor(array), dimension),
            torch.mvlgamma(torch.tensor(array), dimension),
            1e-12,
            "",
        )
    with pytest.raises(ValueError, match="at least 1"):
        tracegraph.mvlgamma(tracegraph.tensor(array), 0)
    with pytest.raises(ValueError, match="negative"):
        tracegraph.polygamma(-1, tracegraph.tensor(array))


def test_products_with_logarithms_at_zero() -> None:
    values = np.array([0.0, 1.0, np.nan, np.inf, -1.0, 2.0])
    a, b = (part.ravel() for part in np.meshgrid(values, values))
    for name in ("xlogy", "xlog1py"):
        ours = getattr(tracegraph.special, name)(tracegraph.tensor(a), tracegraph.tensor(b))
        close(ours, getattr(torch.special, name)(torch.tensor(a), torch.tensor(b)), 1e-12, name)
    x, y = tracegraph.tensor([0.0, 2.0], requires_grad=True), torch.tensor([0.0, 2.0], requires_grad=True)
    tracegraph.xlogy(x, tracegraph.tensor([3.0, 3.0])).sum().backward()
    torch.xlogy(y, torch.tensor([3.0, 3.0])).sum().backward()
    close(x.grad, y.grad, 1e-6, "gradient at 0")


def test_traced() -> None:
    functions = [getattr(tracegraph.special, name) for name in UNARY if name != "psi"]

    def every(x: Any) -> Any:
        special = tracegraph.special
        return [function(x) for function in functions] + [
            special.polygamma(2, x), special.zeta(x + 1, 2.0), special.xlog1py(x, x), special.multigammaln(x + 3, 2),
            *tracegraph.frexp(x), tracegraph.ldexp(x, x), tracegraph.nextafter(x, x + 1), tracegraph.signbit(x),
            tracegraph.heaviside(x, x), tracegraph.logaddexp2(x, -x), tracegraph.float_power(x, 2), tracegraph.sgn(x),
            tracegraph.isposinf(x), tracegraph.rad2deg(x), tracegraph.deg2rad(x), tracegraph.rsub(x, 1),
            tracegraph.gcd((x * 100).long(), (x * 60).long()), tracegraph.lcm((x * 10).long(), (x * 6).long()),
        ]  # fmt: skip

    traced = tracegraph.trace(every)
    for start in (0.1, 0.3):
        x = tracegraph.tensor(np.linspace(start, 0.9, 40))
        for _ in range(2):
            for number, (a, b) in enumerate(zip(traced(x), every(x), strict=True)):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-13, err_msg=str(number))
                assert a.dtype == b.dtype
    assert traced.explain().verdict == "static"


def test_integers_divided_by_the_number_zero() -> None:
    x, y = tracegraph.tensor([1, 2]), torch.tensor([1, 2])
    for name in ("floor_divide", "remainder", "fmod"):
        with pytest.raises(RuntimeError, match="divided by 0"):
            getattr(tracegraph, name)(x, 0)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            getattr(torch, name)(y, 0)
    with pytest.raises(ZeroDivisionError):
        x // 0
    with pytest.raises(ZeroDivisionError):
        x % 0
    with pytest.raises(ZeroDivisionError):
        tracegraph.div(x, 0, rounding_mode="trunc")
    assert np.isinf((x.float() // 0).numpy()).all()


def test_binary_cross_entropy_at_certainty() -> None:
    p, t = np.array([0.0, 0.0, 1.0, 1.0, 0.3], np.float32), np.array([0.0, 1.0, 0.0, 1.0, 0.6], np.float32)
    results = []
    for library in (tracegraph, torch):
        x, target = library.tensor(p, requires_grad=True), library.tensor(t, requires_grad=True)
        loss = library.nn.functional.binary_cross_entropy(x, target, reduction="none")
        loss.sum().backward()
        results.append([loss.detach().numpy(), x.grad.numpy(), target.grad.numpy()])
    for mine, yours in zip(*results, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-5)
