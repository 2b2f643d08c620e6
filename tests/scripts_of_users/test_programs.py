"""Scripts of PyTorch's users with the import lines changed: the same numbers, eagerly and with the step traced."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.scripts_of_users import fitting, players
from tests.scripts_of_users.common import PROGRAMS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

MODULES = (fitting, players)
"""Where the programs are."""
CO_EXECUTED = {"dqn"}
"""Programs whose step selects by a mask, which Python has to do."""

EAGER = {"word2vec", "siamese", "accumulation_clip_swa", "gan_old_style", "wgan_gp"}
"""Programs that are not traced here, to keep the test quick."""


def printed(library: Any, name: str, trace: Any) -> list[float]:
    """The numbers that a program gives; tensors are summed."""
    values = PROGRAMS[name](library, library.nn, library.nn.functional, library.optim, trace)
    return [float(np.sum(value.detach().numpy() if hasattr(value, "detach") else value)) for value in values]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_gives_what_it_gives_with_pytorch(name: str) -> None:
    traced = []

    def trace(function: Any) -> Any:
        traced.append(tracegraph.trace(function))
        return traced[-1]

    wanted = printed(torch, name, lambda function: function)
    for marker in (lambda function: function, trace)[: 1 if name in EAGER else 2]:
        np.testing.assert_allclose(printed(tracegraph, name, marker), wanted, rtol=1e-4, atol=1e-6)
    verdict = "co-executed" if name in CO_EXECUTED else "static"
    assert [step.explain().verdict for step in traced] == [verdict] * len(traced)
