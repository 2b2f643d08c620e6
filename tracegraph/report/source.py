"""`highlighted(source)`: Python source as HTML with keywords, strings, numbers and comments in colour."""

import ast
import io
import keyword
import tokenize
from collections.abc import Iterator
from html import escape

from tracegraph.report.markup import Markup


def highlighted(source: str, *, first_line: int = 1) -> Markup:
    """The source with line numbers; text that is not Python is only escaped."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return Markup(escape(source))
    lines = source.splitlines()
    coloured = ["" for _ in lines]
    at = [0] * len(lines)
    for style, (first, start), (last, end) in _spans(tokens):
        for number in range(first, last + 1):
            line = lines[number - 1]
            begin = start if number == first else 0
            stop = end if number == last else len(line)
            coloured[number - 1] += escape(line[at[number - 1] : begin])
            coloured[number - 1] += f'<span class="{style}">{escape(line[begin:stop])}</span>'
            at[number - 1] = stop
    numbered = [
        f'<span class="ln">{first_line + index}</span>{done}{escape(line[at[index] :])}'
        for index, (done, line) in enumerate(zip(coloured, lines, strict=True))
    ]
    return Markup("\n".join(numbered))


def _spans(tokens: list[tokenize.TokenInfo]) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Style, start and end of everything that gets a colour."""
    decorated = False
    for token in tokens:
        if token.type == tokenize.COMMENT:
            yield "co", token.start, token.end
        elif token.type == tokenize.STRING:
            yield "st", token.start, token.end
        elif token.type == tokenize.NUMBER:
            yield "nu", token.start, token.end
        elif token.type == tokenize.NAME and keyword.iskeyword(token.string):
            yield "kw", token.start, token.end
        elif token.type == tokenize.NAME and decorated:
            yield "de", token.start, token.end
        decorated = token.type == tokenize.OP and token.string == "@"


def functions(source: str) -> list[tuple[str, str, str, int]]:
    """The functions of a module: name, first line of the docstring, source with decorators, first line number."""
    lines = source.splitlines()
    found = []
    for item in ast.parse(source).body:
        if isinstance(item, ast.FunctionDef):
            first = min([item.lineno, *[decorator.lineno for decorator in item.decorator_list]])
            text = "\n".join(lines[first - 1 : item.end_lineno])
            title = (ast.get_docstring(item) or "").partition("\n")[0]
            found.append((item.name, title, text, first))
    return found
