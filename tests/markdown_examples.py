"""Reads the runnable examples of a Markdown file: its Python blocks, each with the output it is said to print."""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ \t]*$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """One block to run. `output` is what it must print; None where nothing is said, or that it varies."""

    source: str
    line: int
    output: str | None


def read_examples(document: Path) -> list[Example]:
    """The runnable blocks of a document in order.

    A block opened with `python` is run; one with `python no-run` is only shown. A following block opened with
    `text output` is compared with what was printed (`...` stands for anything); `text output varies` is only shown.

    Raises:
        ValueError: an output block that no Python block precedes, or an opening line with words not listed here.
    """
    text = document.read_text(encoding="utf-8")
    examples: list[Example] = []
    previous = ""
    for fence in FENCE.finditer(text):
        info = fence["info"].strip()
        line = text.count("\n", 0, fence.start("body")) + 1
        indent = len(fence["indent"])
        body = "".join(part[indent:] if part.strip() else part for part in fence["body"].splitlines(keepends=True))
        if info == "python":
            examples.append(Example(body, line, None))
        elif info == "text output":
            if previous != "python":
                raise ValueError(f"{document.name}:{line}: this output follows no Python block")
            examples[-1] = Example(examples[-1].source, examples[-1].line, body)
        elif info.startswith(("python ", "text output")) and info not in {"python no-run", "text output varies"}:
            raise ValueError(f"{document.name}:{line}: unknown kind of block: {info!r}")
        previous = info
    return examples
