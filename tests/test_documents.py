"""Runs the Python examples of README.md and docs/ as a reader would: each file from top to bottom in one session."""

import contextlib
import doctest
import io
import sys
import types
from pathlib import Path

import pytest

from tests.markdown_examples import read_examples

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OUTPUT_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_run_and_print_what_they_say(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = read_examples(document)
    session = types.ModuleType(f"document_{document.stem}")
    monkeypatch.setitem(sys.modules, session.__name__, session)
    monkeypatch.chdir(tmp_path)
    checker = doctest.OutputChecker()
    for example in examples:
        # The empty lines make tracebacks and the library's own messages name the line of the document.
        source = "\n" * (example.line - 1) + example.source
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(document), "exec"), vars(session))
        if example.output is not None and not checker.check_output(example.output, printed.getvalue(), OUTPUT_OPTIONS):
            pytest.fail(
                f"{document.name}:{example.line} says that it prints\n{example.output}\nand it prints\n"
                f"{printed.getvalue()}"
            )


def test_reader_pairs_blocks_with_their_output(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "```python\nprint(1)\n```\nwhich prints\n```text output\n1\n```\n"
        "```python no-run\nfail\n```\n\n- in a list\n\n  ```python\n  if True:\n\n      print(2)\n  ```\n"
        "  ```text output varies\n  2\n  ```\n```text\nnot output\n```\n",
        encoding="utf-8",
    )
    first, second = read_examples(document)
    assert (first.source, first.line, first.output) == ("print(1)\n", 2, "1\n")
    assert (second.source, second.output) == ("if True:\n\n    print(2)\n", None)


@pytest.mark.parametrize("text", ["```text output\n1\n```\n", "```python norun\n1\n```\n"])
def test_reader_refuses_blocks_it_would_silently_skip(tmp_path: Path, text: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md:2"):
        read_examples(document)
