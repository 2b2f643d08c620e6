"""`parse(text)` reads a graph from the text that `printer.to_text` prints; types of results may be left out."""

import base64
import difflib
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from tracegraph.compiler.ops.base import OPERATIONS, Operation
from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.compiler.ops.spec import DTYPES, Spec
from tracegraph.runtime.errors import GraphError, TracegraphError

from .graph import Graph
from .node import Location, Node

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<comment>\#[^\n]*)
    | (?P<value>%\w+(?:\.\w+)*)
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<number>-?(?:inf|nan|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?!\w))
    | (?P<mark>\.\.\.|[()\[\]{},:=])
    | (?P<word>[^\W\d][\w.]*)
    | (?P<wrong>.)""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"#\s*(?P<backward>backward(?:\s+of\s+|$))?(?:(?P<file>.+):(?P<line>\d+))?$")
_DTYPES = {dtype.name: dtype for dtype in DTYPES}
_WORDS = {"None": None, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def parse(text: str) -> Graph:
    """The graph that a text describes.

    >>> graph = parse("graph double(%x: float32[3]) { %0 = add(%x, %x) return %0 }")
    >>> print(graph, end="")
    graph double(%x: float32[3]) {
      %0 = add(%x, %x) : float32[3]
      return %0
    }

    Raises:
        GraphError: where the text is not a graph; the message has the line.
    """
    return _Parser(text).graph()


class _Parser:
    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        tokens = _tokens(text)
        self.tokens = [token for token in tokens if token.kind != "comment"]
        self.comments = {token.line: token.text for token in tokens if token.kind == "comment"}
        self.position = 0
        self.values: dict[str, Node] = {}

    def fail(self, message: str, token: _Token | None = None) -> NoReturn:
        line = (token or self.tokens[self.position]).line
        shown = self.lines[line - 1].strip() if line <= len(self.lines) else "(end of text)"
        raise GraphError(f"line {line}: {message}\n  {shown}")

    def peek(self) -> _Token:
        return self.tokens[self.position]

    def take(self, kind: str, text: str | None = None) -> _Token:
        token = self.peek()
        if token.kind != kind or (text is not None and token.text != text):
            self.fail(f"expected {text or kind}, found {token.text or 'the end'!r}")
        self.position += 1
        return token

    def accept(self, text: str) -> bool:
        token = self.peek()
        if token.text != text or token.kind not in ("mark", "word"):
            return False
        self.position += 1
        return True

    def graph(self) -> Graph:
        self.take("word", "graph")
        name = json.loads(self.take("string").text) if self.peek().kind == "string" else self.take("word").text
        self.take("mark", "(")
        inputs: list[Node] = []
        while not self.accept(")"):
            inputs.append(self.input(len(inputs)))
            if not self.accept(","):
                self.take("mark", ")")
                break
        self.take("mark", "{")
        updates: list[tuple[Node, Node]] = []
        while not self.accept("return"):
            if self.accept("update"):
                target = self.operand()
                self.take("mark", "=")
                updates.append((target, self.operand()))
            else:
                self.definition()
        outputs = []
        if self.peek().kind == "value":
            outputs.append(self.operand())
            while self.accept(","):
                outputs.append(self.operand())
        self.take("mark", "}")
        self.take("end")
        return Graph(name, tuple(inputs), tuple(outputs), tuple(updates))

    def input(self, index: int) -> Node:
        token = self.take("value")
        label = "" if token.text == f"%in{index}" else token.text[1:]
        if self.peek().kind == "string":
            label = json.loads(self.take("string").text)
        self.take("mark", ":")
        spec = self.spec()
        return self.define(token, Node(Input(index, spec, label), (), spec))

    def define(self, token: _Token, node: Node) -> Node:
        if token.text in self.values:
            self.fail(f"{token.text} is defined twice", token)
        self.values[token.text] = node
        return node

    def operand(self) -> Node:
        token = self.take("value")
        if token.text not in self.values:
            self.fail(f"{token.text} is used before it is defined", token)
        return self.values[token.text]

    def definition(self) -> None:
        token = self.take("value")
        self.take("mark", "=")
        name = self.take("word")
        if name.text == "constant":
            leaf = self.constant()
            operation: Operation = leaf
            operands: tuple[Node, ...] = ()
            spec: Spec | None = leaf.spec
        else:
            operation, operands = self.call(name)
            spec = self.spec() if self.accept(":") else None
        inferred = self.infer(operation, operands, spec, token)
        if spec not in (None, inferred):
            self.fail(f"the result is {inferred}, not {spec}", token)
        location, backward = self.comment()
        self.define(token, Node(operation, operands, inferred, location, backward))

    def infer(self, operation: Operation, operands: tuple[Node, ...], spec: Spec | None, token: _Token) -> Spec:
        """The type of the result; where it depends on the values, it must have been told."""
        if operation.data_dependent:
            return spec or self.fail(f"the type of {operation.name} depends on the values and must be told", token)
        try:
            return operation.infer(*[operand.spec for operand in operands])
        except (TracegraphError, ValueError, IndexError) as error:
            self.fail(str(error).split("\n  at ")[0], token)

    def comment(self) -> tuple[Location | None, bool]:
        """Location and backward flag from the comment behind a definition."""
        found = _COMMENT.match(self.comments.get(self.tokens[self.position - 1].line, ""))
        if found is None:
            return None, False
        location = (found["file"], int(found["line"])) if found["file"] else None
        return location, found["backward"] is not None

    def call(self, name: _Token) -> tuple[Operation, tuple[Node, ...]]:
        """Operands and attributes in parentheses."""
        made = OPERATIONS.get(name.text)
        if made is None or issubclass(made, Input):
            near = difflib.get_close_matches(name.text, OPERATIONS)
            self.fail(f"there is no operation {name.text!r}" + (f"; is it {near[0]!r}?" if near else ""), name)
        operands: list[Node] = []
        attributes: dict[str, Any] = {}
        self.take("mark", "(")
        while not self.accept(")"):
            if self.peek().kind == "value":
                operands.append(self.operand())
            else:
                key = self.take("word").text
                self.take("mark", "=")
                attributes[key] = self.value()
            if not self.accept(","):
                self.take("mark", ")")
                break
        try:
            return made(**attributes), tuple(operands)
        except (TypeError, ValueError) as error:
            self.fail(f"{name.text}: {error}", name)

    def value(self) -> Any:
        """An attribute: number, string, tuple, dtype, spec or operation."""
        token = self.peek()
        if token.kind == "number":
            return self.number()
        self.position += 1
        if token.kind == "string":
            return json.loads(token.text)
        if token.text == "...":
            return ...
        if token.text == "(":
            elements = []
            while not self.accept(")"):
                elements.append(self.value())
                if not self.accept(","):
                    self.take("mark", ")")
                    break
            return tuple(elements)
        if token.text in _WORDS:
            return _WORDS[token.text]
        if token.text in _DTYPES:
            self.position -= 1
            return self.spec() if self.tokens[self.position + 1].text == "[" else _DTYPES[self.take("word").text]
        if token.kind == "word" and self.peek().text == "(":
            return self.call(token)[0]
        return self.fail(f"{token.text or 'the end'!r} is no value", token)

    def number(self) -> int | float:
        text = self.take("number").text
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)

    def spec(self) -> Spec:
        token = self.take("word")
        if token.text not in _DTYPES:
            self.fail(f"{token.text!r} is no dtype", token)
        self.take("mark", "[")
        shape = []
        while not self.accept("]"):
            size = self.number()
            if not isinstance(size, int) or size < 0:
                self.fail("a size must be a non-negative integer", token)
            shape.append(size)
            if not self.accept(","):
                self.take("mark", "]")
                break
        return Spec(tuple(shape), _DTYPES[token.text])

    def constant(self) -> Constant:
        """The values of a constant in parentheses, and its type."""
        start = self.take("mark", "(")
        whole = self.accept("all")
        data = base64.b64decode(json.loads(self.take("string").text)) if self.accept("base64") else None
        values = self.nested() if data is None else None
        self.take("mark", ")")
        if not self.accept(":"):
            if data is not None or whole:
                self.fail("the constant needs a type", start)
            array = np.array(values)
            return Constant.of(array, np.float32 if array.dtype.kind == "f" else None)
        spec = self.spec()
        if data is None:
            try:
                array = np.array(values, spec.dtype)
                array = np.full(spec.shape, array) if whole else array.reshape(spec.shape)
            except (ValueError, OverflowError) as error:
                self.fail(f"the values do not fit {spec}: {error}", start)
            data = array.tobytes()
        if len(data) != spec.nbytes:
            self.fail(f"{len(data)} bytes do not make {spec}", start)
        return Constant(data, spec)

    def nested(self) -> Any:
        """A number or nested lists of numbers."""
        if not self.accept("["):
            token = self.peek()
            if token.text in ("True", "False"):
                self.position += 1
                return token.text == "True"
            return self.number()
        elements = []
        while not self.accept("]"):
            elements.append(self.nested())
            if not self.accept(","):
                self.take("mark", "]")
                break
        return elements


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "wrong"
        if kind == "wrong":
            raise GraphError(f"line {line}: unexpected {match.group()!r}\n  {text.splitlines()[line - 1].strip()}")
        if kind == "space":
            line += match.group().count("\n")
        else:
            tokens.append(_Token(kind, match.group(), line))
    tokens.append(_Token("end", "", line))
    return tokens
