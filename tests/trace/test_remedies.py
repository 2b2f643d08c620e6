"""Whatever speaks against a static trace comes with advice on what to change."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracegraph
from tracegraph.observe import kinds, purity
from tracegraph.trace.recorded import Reason
from tracegraph.trace.remedies import clause, remedy, why_not_static

PACKAGE = Path(tracegraph.__file__).parent
CALLS = ("unsupported", "note", "_give_up")
"""The functions that reasons are given to."""


def texts(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may give, with `X` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else _filled(part) for part in node.values
        )  # fmt: skip
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def _filled(part: ast.expr) -> str:
    return "7" if isinstance(part, ast.FormattedValue) and "MAX" in ast.unparse(part) else "X"


@functools.cache
def reasons() -> list[str]:
    """All that the library gives as a reason, by reading its source."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
                found += [text for argument in node.args for text in texts(argument)]
    for function in ast.walk(ast.parse((PACKAGE / "trace" / "backward.py").read_text())):
        if isinstance(function, ast.FunctionDef) and function.name == "_refusal":
            returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
            found += [text for value in returned for text in texts(value)]
    return found


def opaque_texts() -> list[str]:
    """What the observer says of objects that it cannot look into."""
    tree = ast.parse(Path(kinds.__file__).read_text())
    pairs = [node for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 2]
    found = [text for pair in pairs if isinstance(pair.elts[0], ast.Constant) for text in texts(pair.elts[1])]
    found += [kinds.NOT_GUARDED, *[f"a {kind.__name__}" for kind in purity.GENERATORS]]
    return [text for text in found if " " in text and text != "a X"]


MADE_OF_PARTS = ("X was X", "the attribute `X` of X was X", "X X (X): X", "X (X)")
"""Reasons whose words are filled in; they are given below as they come out."""


@pytest.mark.parametrize("text", sorted(set(reasons())))
def test_each_reason_has_advice(text: str) -> None:
    if not text.startswith(MADE_OF_PARTS):
        assert remedy(text), f"nothing is advised where a function {text}"


def test_reasons_are_found() -> None:
    assert len(reasons()) > 30
    assert {"assigns `.data` of a tensor", "more than 7 operations"} <= set(reasons())
    assert any("custom function" in text for text in reasons())


@pytest.mark.parametrize("text", opaque_texts())
def test_what_cannot_be_looked_into_has_advice(text: str) -> None:
    for verb in ("uses", "reads"):
        assert remedy(f"{verb} global `x` (model.py:3): {text}"), text


@pytest.mark.parametrize("verb", ["created", "changed", "deleted"])
def test_stores_have_advice(verb: str) -> None:
    assert remedy(f"the attribute `x` of argument `self` was {verb} (model.py:3)")
    assert remedy(f"global `x` was {verb} (model.py:3)")


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("calls builtin print at model.py:3", "print outside"),
        ("calls random.random at model.py:3", "own generator"),
        ("calls time.monotonic at model.py:3", "take the time"),
        ("calls posix.open at model.py:3", "call it outside"),
        ("the outer list global `log` was changed (model.py:3)", "add it outside"),
        ("the attribute `step` of argument `self` was changed (model.py:3)", "store it outside"),
        ("reads the value of a tensor by item() (model.py:3)", "return the tensor"),
        ("changes `requires_grad` of a tensor from outside", "set requires_grad outside"),
        ("changes a tensor that requires grad and returns a tensor that depends on it", "no_grad"),
        ("returns a view that requires a gradient", "clone()"),
        ("raises ValueError (model.py:3)", "check the arguments"),
    ],
)
def test_advice_fits_the_reason(reason: str, advice: str) -> None:
    assert advice in remedy(reason)


def test_names_of_files_are_no_reasons() -> None:
    for file in ("/home/random/time.py", "generator.py", "/calls print/raises .py"):
        assert remedy(f"global `x` was deleted ({file}:3)") == remedy("global `x` was deleted (a.py:3)")
        assert remedy(f"something new ({file}:3)") == ""
    assert remedy("something new at /random/hook.py:3") == ""


def test_reasons_are_told_as_clauses() -> None:
    assert clause("calls builtin print") == "it calls builtin print"
    assert clause("the outer list `x` was changed") == "the outer list `x` was changed"


def test_the_message_names_each_reason_once() -> None:
    reason = Reason("calls builtin print", "model.py", 3)
    text = why_not_static("f", [reason, reason, Reason("does something new")])
    assert text.splitlines()[1:] == [
        "  it calls builtin print (model.py:3)",
        f"    instead: {remedy('calls builtin print')}",
        "  it does something new",
    ]
