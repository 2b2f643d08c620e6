"""Every module against PyTorch's, over the arguments of PyTorch's own database, and traced."""

import fnmatch

import pytest

from tests.nn.modules.comparing import assert_traced_like_eager, compare
from tests.nn.modules.database import CONTAINERS, DIFFERENT, ELSEWHERE, MISSING, MORE_CASES, names
from tracegraph import nn

pytestmark = pytest.mark.oracle

PRESENT = [name for name in names() if hasattr(nn, name)]

FAMILIES = {
    "convolution": "Conv?d ConvTranspose?d",
    "maxima": "MaxPool?d MaxUnpool?d",
    "means": "AvgPool?d LPPool?d",
    "adaptive pooling": "Adaptive*Pool?d",
    "normalisation": "*Norm *Norm?d",
    "borders": "*Pad?d",
    "sizes": "Upsampl* Pixel* Channel* Fold Unfold",
    "dropout": "*Dropout *Dropout?d",
    "activations": "*LU *LU6 *shrink *sig* Sig* Soft* *Softmax Mish Tanh Threshold *wish *tanh",
    "losses": "*Loss",
}
"""Modules that are traced in one function."""


@pytest.mark.parametrize("name", [name for name in PRESENT if name not in CONTAINERS | ELSEWHERE])
def test_like_torch(name: str) -> None:
    tally = compare(name)
    if name in DIFFERENT:
        assert tally.failures, f"{name} agrees now; take it out of DIFFERENT"
        return
    assert not tally.failures, "\n".join(tally.failures[:3])
    assert tally.compared


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_traced_like_eager(family: str) -> None:
    patterns = FAMILIES[family].split()
    assert_traced_like_eager([name for name in PRESENT if any(fnmatch.fnmatch(name, one) for one in patterns)])


def test_missing_modules_are_known() -> None:
    assert {name for name in names() if not hasattr(nn, name)} == MISSING
    assert set(MORE_CASES) | set(DIFFERENT) | CONTAINERS | ELSEWHERE <= set(names())
