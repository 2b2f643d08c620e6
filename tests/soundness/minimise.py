"""Makes a failing program small: `minimise(source, fails)` deletes and simplifies statements while it still fails."""

import ast
import copy
import time
from collections.abc import Callable, Iterator

LISTS = ("body", "orelse", "finalbody", "handlers")


def minimise(source: str, fails: Callable[[str], bool], seconds: float = 60.0) -> str:
    """The smallest program found that still fails.

    Args:
        source: A failing program.
        fails: Whether a program fails in the way that is of interest.
        seconds: When to stop with what has been found so far.
    """
    deadline = time.monotonic() + seconds
    best = ast.unparse(ast.parse(source))
    if not fails(best):
        return source
    changed = True
    while changed:
        changed = False
        place = 0
        while time.monotonic() < deadline:
            tried = _candidate(best, place)
            if tried is None:
                break
            if len(tried) < len(best) and fails(tried):
                best, changed = tried, True
            else:
                place += 1
    return best


def _candidate(source: str, place: int) -> str | None:
    """The program after one of the possible simplifications; None when there are no more."""
    tree = ast.parse(source)
    for number, change in enumerate(_changes(tree)):
        if number == place:
            change()
            return ast.unparse(ast.fix_missing_locations(tree))
    return None


def _changes(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Simplifications of a tree: statements dropped from the last on, blocks unwrapped, expressions cut down."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        for name in LISTS:
            items = getattr(node, name, None)
            if isinstance(items, list):
                yield from (_without(items, number, name) for number in reversed(range(len(items))))
                yield from (_unwrapped(items, number) for number, item in enumerate(items) if hasattr(item, "body"))
    for node in nodes:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield from (_replaced(node, name, part) for part in _parts(value))
            elif isinstance(value, list):
                for number, item in enumerate(value):
                    if isinstance(item, ast.expr):
                        yield from (_replaced_item(value, number, part) for part in _parts(item))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(("r", "f(")):
            yield from (_replaced(node, "value", text) for text in _shorter(node.value))


def _without(items: list[ast.AST], number: int, name: str) -> Callable[[], None]:
    def change() -> None:
        del items[number]
        if not items and name == "body":
            items.append(ast.Pass())

    return change


def _unwrapped(items: list[ast.AST], number: int) -> Callable[[], None]:
    def change() -> None:
        if not isinstance(items[number], ast.FunctionDef | ast.ClassDef):
            items[number : number + 1] = items[number].body  # type: ignore[attr-defined]

    return change


def _replaced(node: ast.AST, name: str, part: object) -> Callable[[], None]:
    return lambda: setattr(node, name, copy.deepcopy(part))


def _replaced_item(items: list[ast.expr], number: int, part: ast.expr) -> Callable[[], None]:
    return lambda: items.__setitem__(number, copy.deepcopy(part))


def _parts(value: ast.expr) -> list[ast.expr]:
    """Expressions inside an expression that might stand for it."""
    return [
        part.value if isinstance(part, ast.Attribute) and isinstance(value, ast.Call) else part
        for part in ast.iter_child_nodes(value)
        if isinstance(part, ast.expr) and not isinstance(getattr(part, "ctx", None), ast.Store)
    ]


def _shorter(text: str) -> list[str]:
    """A step with simpler expressions."""
    tree = ast.parse(text)
    found = []
    for place in range(30):
        tree = ast.parse(text)
        changes = [
            _replaced_item(node.args, number, part)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for number, argument in enumerate(node.args)
            for part in _parts(argument)
        ]
        if place >= len(changes):
            break
        changes[place]()
        found.append(ast.unparse(tree))
    return found
