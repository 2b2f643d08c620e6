"""Random programs as source text: `program(random.Random(7))` is a module that defines a traced function over outer
state and lists the calls of it, as `step("...")` lines; with Hypothesis, draw the argument from `st.randoms()`.

The module names a decorator `trace` and a function `step`; whoever runs it provides them (`tests.soundness.execution`).
"""

import random

from tests.soundness.calls import Calls
from tests.soundness.statements import Statements
from tests.soundness.vocabulary import FLAG, FLOAT, INT, SHAPES, TEXT, Draw, Function, Kind, Scope

HEAD = '''\
import random
import tracegraph as tg


class Box:
    """An object with attributes."""


def tensors(value):
    """The tensors in a result."""
    if isinstance(value, tg.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for item in value for t in tensors(item)] if isinstance(value, (list, tuple)) else []


def first(value, otherwise=None):
    """The first float tensor in a result."""
    return next((t for t in tensors(value) if t.is_floating_point()), otherwise)


def back(value):
    """Backward from everything in a result that carries a gradient."""
    found = [t.sum() for t in tensors(value) if t.requires_grad and not t.is_leaf]
    if found:
        sum(found[1:], found[0]).backward()
    return [t.grad for t in tensors(value) if t.is_leaf]
'''
HELPERS = {
    "double": "def double(v):\n    return v * 2.0 + 0.25\n",
    "counted": "def counted(v):\n    global counter\n    counter += 1\n    return v * counter * 0.125\n",
    "scaled": "def scaled(v):\n    return v * scale + box.scale\n",
    "halve": """\
def halve(v, depth=3):
    if depth <= 0 or v.abs().sum() < 0.83:
        return v
    return halve(v * 0.5, depth - 1)
""",
    "bumped": "def bumped(v):\n    v.add_(0.5)\n    return v\n",
    "rows": """\
def rows(v):
    return sum((row for row in each(v)), 0.0) + v


def each(v):
    for number in range(3):
        yield v * number
""",
    "noisy": "def noisy(v):\n    print('noisy', v.dim())\n    return v + 1.0\n",
    "kept": "def kept(v, seen=[]):\n    seen.append(len(seen))\n    return v + len(seen) * 0.125\n",
    "cached": """\
def cached(v):
    key = v.dim()
    if key not in table:
        table[key] = v.detach() * 0.5
    return v + table[key]
""",
    "lively": "@trace\ndef lively(v):\n    return v * 1.5 - v.tanh()\n",
}
NEEDED = {
    "counted": "outer",
    "halve": "branch",
    "bumped": "arguments",
    "noisy": "print",
    "kept": "outer",
    "cached": "outer",
}
FORMS = ("function", "function", "factory", "method")


def program(source: random.Random) -> str:
    """The text of a random program.

    Args:
        source: What the choices are drawn from; equal draws give equal programs.
    """
    draw = Draw(source)
    scope = Scope(draw)
    form = draw.one(*FORMS)
    scope.functions.append(Function("f"))
    state, helpers = _outer_state(scope)
    factory = _factory_state(scope) if form == "factory" else []
    parameters = _parameters(scope)
    names = [name for name, _ in parameters]
    statements = Statements(scope, draw.number(3, 14))
    statements.depth = 2 if form != "function" else 1
    statements.body(draw.number(2, 8))
    statements.line(f"return {statements.result()}")
    statements.declare(0)
    defaults = {name: default for name, default in (("n", "2"), ("flag", "True")) if name in names and draw.chance(0.3)}
    seen = [name for name in names if name not in defaults] + [
        f"{name}={default}" for name, default in defaults.items()
    ]
    calls = Calls(scope, [(name, kind) for name, kind in parameters if name not in defaults], form, defaults)
    body = "\n".join(statements.lines)
    parts = [HEAD, *helpers, state, _definition(form, seen, body, factory), calls.text()]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _outer_state(scope: Scope) -> tuple[str, list[str]]:
    draw = scope.draw
    lines = [
        "counter = 0", "scale = 1.5", "history = []", 'table = {"k": 0.5}', "tally = set()", "box = Box()",
        "box.scale = 0.5", 'box.mode = "a"', f"box.weight = {draw.tensor((3,))}", f"box.items = [{draw.tensor((3,))}]",
        f"outer = {draw.tensor((3,))}", f"weight = {draw.tensor((3,), leaf=scope.has('gradients'))}",
    ]  # fmt: skip
    scope.add("counter", INT, outer=True, owner="module")
    scope.add("scale", FLOAT, outer=True, owner="module")
    scope.add("box.weight", Kind("tensor", (3,)), outer=True, owner="f")
    scope.add("outer", Kind("tensor", (3,)), outer=True, owner="module")
    scope.add("weight", Kind("tensor", (3,)), outer=True, owner="module", leaf=scope.has("gradients"))
    if draw.chance(0.3):
        lines.append(f"grid = {draw.tensor((2, 3))}")
        lines.append(f"row = grid[{draw.number(0, 1)}]")
        scope.add("grid", Kind("tensor", (2, 3)), outer=True, owner="module")
        scope.add("row", Kind("tensor", (3,)), outer=True, owner="module")
    names = [name for name in HELPERS if name not in NEEDED or scope.has(NEEDED[name])]
    helpers = sorted({draw.one(*names) for _ in range(draw.number(0, 2))}) if scope.has("functions", "reads") else []
    for name in helpers:
        scope.add(name, Kind("function"), outer=True, owner="module")
    return "\n".join(lines), ["\n" + HELPERS[name] for name in helpers]


def _factory_state(scope: Scope) -> list[str]:
    scope.add("total", INT, outer=True, owner="make")
    scope.add("memory", Kind("tensor", (3,)), outer=True, owner="make")
    return ["total = 1", f"memory = {scope.draw.tensor((3,))}"]


def _parameters(scope: Scope) -> list[tuple[str, Kind]]:
    draw = scope.draw
    found = [(name, Kind("tensor", draw.one(*SHAPES[:2], (3,)))) for name in ("x", "y", "z")[: draw.number(1, 3)]]
    if scope.has("containers"):
        found += [draw.one(("xs", Kind("tensors")), ("d", Kind("mapping")))]
    if scope.has("dtypes") and draw.chance(0.4):
        found.append(("ids", Kind("tensor", (3,), "int64")))
    for name, kind in (("s", FLOAT), ("mode", TEXT), ("n", INT), ("flag", FLAG)):
        if draw.chance(0.3):
            found.append((name, kind))
    for name, kind in found:
        scope.add(name, kind, outer=True, owner="f", leaf=name == "x" and scope.has("gradients"))
    return found


def _definition(form: str, parameters: list[str], body: str, factory: list[str]) -> str:
    if form == "function":
        return f"@trace\ndef f({', '.join(parameters)}):\n{body}"
    if form == "method":
        return (
            f"class Model(Box):\n    @trace\n    def f(self, {', '.join(parameters)}):\n"
            f"{body.replace('box.', 'self.')}\n\n\n"
            "box.__class__ = Model\nf = box.f"
        )
    held = "\n".join(f"    {line}" for line in factory)
    return (
        f"def make():\n{held}\n\n    @trace\n    def f({', '.join(parameters)}):\n{body}\n\n"
        "    def peek():\n        return total, memory\n\n"
        "    def reset(value):\n        nonlocal total, memory\n        total, memory = value, memory * 0.5\n\n"
        "    return f, peek, reset\n\n\nf, peek, reset = make()"
    )
