"""`ctc_loss` against PyTorch: labels padded and one after the other, lengths as numbers and tensors, what cannot be."""

import itertools
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.nn import functional
from tracegraph.runtime.errors import TracegraphError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

TIME, COUNT, CLASSES = 7, 3, 5
SCORES = np.random.default_rng(0).normal(size=(TIME, COUNT, CLASSES))
LABELS = np.array([[1, 1, 4, 2], [3, 2, 3, 3], [2, 2, 2, 2]])
STEPS, SIZES = (7, 5, 6), (3, 2, 4)


def joined(labels: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([row[:size] for row, size in zip(labels, sizes, strict=True)])


CASES: dict[str, tuple[Any, ...]] = {
    "padded": (SCORES, LABELS, STEPS, SIZES),
    "joined": (SCORES, joined(LABELS, SIZES), STEPS, SIZES),
    "lengths in tensors": (SCORES, LABELS, np.array(STEPS), np.array(SIZES)),
    "joined, lengths in tensors": (SCORES, joined(LABELS, SIZES), np.array(STEPS), np.array(SIZES)),
    "without labels": (SCORES, LABELS, STEPS, (0, 2, 0)),
    "without any labels": (SCORES, LABELS[:, :0], STEPS, (0, 0, 0)),
    "labels that do not fit": (SCORES, LABELS, (7, 1, 4), SIZES),
    "one sequence": (SCORES[:, 0], LABELS[0, :3], (7,), (3,)),
    "int32": (SCORES, LABELS.astype("int32"), np.array(STEPS, "int32"), np.array(SIZES, "int32")),
    "too many steps": (SCORES, LABELS, (7, 8, 6), SIZES),
    "too many labels": (SCORES, LABELS, STEPS, (3, 5, 4)),
    "lengths missing": (SCORES, LABELS, STEPS[:2], SIZES),
    "a length for each of too many": (SCORES, LABELS, STEPS, (*SIZES, 1)),
    "float labels": (SCORES, LABELS.astype("float32"), STEPS, SIZES),
    "another batch": (SCORES, LABELS[:2], STEPS, SIZES),
    "half precision": (SCORES.astype("float16"), LABELS, STEPS, SIZES),
}


def outcome(library: Any, function: Any, case: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Losses and gradients of scores, or the error."""
    scores, *rest = ((library.tensor(value.copy()) if isinstance(value, np.ndarray) else value) for value in case)
    scores.requires_grad_()
    try:
        loss = function(scores.log_softmax(-1), *rest, **options)
    except (RuntimeError, ValueError, TypeError, IndexError, TracegraphError) as error:
        return error
    finite = loss.isfinite()
    (gradient,) = library.autograd.grad(library.where(finite, loss, 0.0).sum(), scores)
    return loss.detach().numpy(), gradient.numpy() if options["zero_infinity"] or bool(finite.all()) else None


@pytest.mark.parametrize("name", CASES)
def test_like_torch(name: str) -> None:
    for reduction, zero, blank in itertools.product(("none", "mean", "sum"), (False, True), (0, 4)):
        options = {"reduction": reduction, "zero_infinity": zero, "blank": blank}
        scores, labels, *lengths = CASES[name]
        case = (scores, labels if blank == 0 else labels - 1, *lengths)  # the labels are all classes but the blank
        mine = outcome(tracegraph, functional.ctc_loss, case, options)
        yours = outcome(torch, torch.nn.functional.ctc_loss, case, options)
        if isinstance(mine, Exception) or isinstance(yours, Exception):
            assert isinstance(yours, Exception), f"{options}: we raise {mine!r}"
            assert isinstance(mine, Exception), f"{options}: PyTorch raises {yours!r}"
            continue
        np.testing.assert_allclose(mine[0], yours[0], rtol=1e-9, atol=1e-12, err_msg=str(options))
        assert mine[0].dtype == yours[0].dtype
        if yours[1] is not None:
            np.testing.assert_allclose(mine[1], yours[1], rtol=1e-9, atol=1e-12, err_msg=str(options))


def test_the_gradient_of_log_probabilities_is_that_of_their_scores() -> None:
    """As in PyTorch, where log-probabilities that are leaves show it."""
    values = SCORES - np.log(np.exp(SCORES).sum(-1, keepdims=True))
    mine = tracegraph.tensor(values).requires_grad_()
    yours = torch.tensor(values, requires_grad=True)
    functional.ctc_loss(mine, tracegraph.tensor(LABELS), STEPS, SIZES, zero_infinity=True).backward()
    torch.nn.functional.ctc_loss(yours, torch.tensor(LABELS), STEPS, SIZES, zero_infinity=True).backward()
    assert mine.grad is not None
    np.testing.assert_allclose(mine.grad.numpy(), yours.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_the_probabilities_of_all_sequences_sum_to_one() -> None:
    """Of two steps, all label sequences of at most two labels, by an independent count."""
    log_probs = tracegraph.tensor(SCORES[:2, :1, :3]).log_softmax(-1)
    total = 0.0
    for size in range(3):
        for labels in itertools.product((1, 2), repeat=size):
            case = log_probs, tracegraph.tensor(np.array([labels], np.int64).reshape(1, size)), (2,), (size,)
            total += float((-functional.ctc_loss(*case, reduction="none")).exp()[0])
    assert total == pytest.approx(1)


def test_traced() -> None:
    def step(scores: Any, flat: Any, steps: Any, sizes: Any) -> Any:
        scores = scores.detach().requires_grad_()
        log_probs = scores.log_softmax(-1)
        loss = functional.ctc_loss(log_probs, flat, steps, sizes, zero_infinity=True)
        loss.backward()
        return loss.detach().clone(), scores.grad

    traced = tracegraph.trace(step)
    rest = [tracegraph.tensor(value) for value in (joined(LABELS, SIZES), np.array(STEPS), np.array(SIZES))]
    for factor in (1.0, 0.5, 2.0):
        scores = tracegraph.tensor((SCORES * factor).astype("float32"))
        for mine, plain in zip(traced(scores, *rest), step(scores, *rest), strict=True):
            np.testing.assert_allclose(mine.numpy(), plain.numpy(), rtol=1e-5, atol=1e-6)
    assert traced.explain().verdict == "static"
