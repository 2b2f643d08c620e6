"""`einsum`: sums of products in Einstein's notation, taken apart into diagonals, sums, permutations and matrix
products.
"""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ShapeError

from .contraction import matmul
from .dispatch import public

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["einsum"]

Labels = tuple[str, ...]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Plan:
    """What to do with operands of certain shapes: their labels, those of the result, and which to contract one after
    another.
    """

    inputs: tuple[Labels, ...]
    output: Labels
    sizes: dict[str, int]
    path: tuple[tuple[int, ...], ...]
    plain: bool
    """No operand has a repeated letter or a dimension of size 1 that broadcasts."""


def _term(equation: str, term: str, ndim: int | None) -> tuple[Labels, int]:
    """Labels of one term and the number of dimensions its ellipsis stands for; these are labelled "1" and up, from
    the right.
    """
    before, ellipsis, after = term.partition("...")
    for letter in before + after:
        if letter not in _LETTERS:
            raise ArgumentError(
                f"einsum: {letter!r} in {equation!r} is not a letter; a term is letters and at most one '...'"
            )
    named = len(before) + len(after)
    if ndim is not None and (ndim < named or (ndim > named and not ellipsis)):
        raise ShapeError(f"einsum: term {term!r} of {equation!r} has {named} letters for a {ndim}-d operand")
    hidden = ndim - named if ndim is not None else 0
    return (*before, *(str(number) for number in range(hidden, 0, -1)), *after), hidden


def _implicit_output(inputs: Sequence[Labels], hidden: int) -> Labels:
    """Without "->": the dimensions of the ellipses, then the letters that occur once, sorted."""
    letters = [label for labels in inputs for label in labels if label in _LETTERS]
    once = sorted(letter for letter in set(letters) if letters.count(letter) == 1)
    return (*(str(number) for number in range(hidden, 0, -1)), *once)


def _explicit_output(equation: str, term: str, hidden: int, known: set[str]) -> Labels:
    before, ellipsis, after = term.partition("...")
    middle = [str(number) for number in range(hidden, 0, -1)] if ellipsis else []
    output = (*before, *middle, *after)
    for label in output:
        if label not in known or output.count(label) > 1:
            problem = "twice in the result" if label in known else "in the result but in no operand"
            raise ArgumentError(f"einsum: {label!r} stands {problem} of {equation!r}")
    return output


@lru_cache(maxsize=1024)
def plan(equation: str, shapes: tuple[tuple[int, ...], ...]) -> Plan:
    """Parse an equation for operands of these shapes and choose the order of contraction (NumPy's greedy order).

    Raises:
        ArgumentError: for an equation that is not well formed.
        ShapeError: when it does not fit the shapes.
    """
    compact = equation.replace(" ", "")
    left, arrow, right = compact.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(f"einsum: {equation!r} is for {len(terms)} operands, got {len(shapes)}")
    parsed = [_term(equation, term, len(shape)) for term, shape in zip(terms, shapes, strict=True)]
    inputs = tuple(labels for labels, _ in parsed)
    hidden = max(count for _, count in parsed)
    sizes: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            if sizes.setdefault(label, size) != size and 1 not in (size, sizes[label]):
                raise ShapeError(
                    f"einsum: {label!r} of {equation!r} has sizes {sizes[label]} and {size} in shapes {shapes}"
                )
            sizes[label] = size if sizes[label] == 1 else sizes[label]
    output = _explicit_output(equation, right, hidden, set(sizes)) if arrow else _implicit_output(inputs, hidden)
    plain = all(
        len(set(labels)) == len(labels) and shape == tuple(sizes[label] for label in labels)
        for labels, shape in zip(inputs, shapes, strict=True)
    )
    return Plan(inputs, output, sizes, _path(inputs, output, sizes), plain)


def _path(inputs: tuple[Labels, ...], output: Labels, sizes: dict[str, int]) -> tuple[tuple[int, ...], ...]:
    if len(inputs) <= 2:
        return (tuple(range(len(inputs))),)
    number = {label: index for index, label in enumerate(sizes)}
    arguments: list[Any] = []
    for labels in inputs:
        unique = tuple(dict.fromkeys(labels))
        arguments += [
            np.broadcast_to(np.float32(0), [sizes[label] for label in unique]),
            [number[label] for label in unique],
        ]
    chosen, _ = np.einsum_path(*arguments, [number[label] for label in output], optimize="greedy")
    return tuple(tuple(sorted(step)) for step in chosen[1:])


def _prepare(x: "Tensor", labels: Labels, sizes: dict[str, int]) -> tuple["Tensor", Labels]:
    """Take the diagonal over repeated letters and leave out dimensions of size 1 that only broadcast."""
    for position in range(len(labels) - 1, -1, -1):
        first = labels.index(labels[position])
        if first != position:
            if x.shape[first] != x.shape[position]:
                raise ShapeError(f"einsum: {labels[position]!r} is repeated for different sizes in shape {x.shape}")
            x = x.diagonal(0, first, position)
            rest = [label for index, label in enumerate(labels) if index not in (first, position)]
            return _prepare(x, (*rest, labels[position]), sizes)
    stays = [x.shape[index] == sizes[label] for index, label in enumerate(labels)]
    if not all(stays):
        x = x.reshape(tuple(size for size, stay in zip(x.shape, stays, strict=True) if stay))
        labels = tuple(label for label, stay in zip(labels, stays, strict=True) if stay)
    return x, labels


def _sum_out(x: "Tensor", labels: Labels, keep: AbstractSet[str]) -> tuple["Tensor", Labels]:
    """Sum over the labels that nothing needs any more."""
    dims = tuple(index for index, label in enumerate(labels) if label not in keep)
    if not dims:
        return x, labels
    return x.sum(dims, dtype=x.dtype), tuple(label for label in labels if label in keep)


def _arrange(x: "Tensor", labels: Labels, order: Sequence[str]) -> "Tensor":
    """The dimensions in another order."""
    return x if tuple(order) == labels else x.permute(tuple(labels.index(label) for label in order))


def _contract(
    a: "Tensor", left: Labels, b: "Tensor", right: Labels, keep: set[str], sizes: dict[str, int]
) -> tuple["Tensor", Labels]:
    """Product of two operands, summed over the common labels that are not kept."""
    arrangement = _arrangement(left, right, frozenset(keep))
    a, left = _sum_out(a, left, arrangement.keep_left)
    b, right = _sum_out(b, right, arrangement.keep_right)
    batch, rows, summed, columns = (
        tuple([sizes[label] for label in labels])
        for labels in (arrangement.batch, arrangement.rows, arrangement.summed, arrangement.columns)
    )
    first = _arrange(a, left, arrangement.left)
    second = _arrange(b, right, arrangement.right)
    if not arrangement.summed:
        first = _reshape(first, batch + rows + (1,) * len(columns))
        return first * _reshape(second, batch + (1,) * len(rows) + columns), arrangement.result
    size = math.prod(summed)
    product = matmul(
        _reshape(first, (*batch, math.prod(rows), size)), _reshape(second, (*batch, size, math.prod(columns)))
    )
    return _reshape(product, batch + rows + columns), arrangement.result


def _reshape(x: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    return x if x.shape == shape else x.reshape(shape)


@dataclass(frozen=True)
class _Arrangement:
    """How the labels of two operands take part in their product."""

    batch: Labels
    rows: Labels
    summed: Labels
    columns: Labels
    keep_left: frozenset[str]
    keep_right: frozenset[str]

    @property
    def left(self) -> Labels:
        return self.batch + self.rows + self.summed

    @property
    def right(self) -> Labels:
        return self.batch + self.summed + self.columns

    @property
    def result(self) -> Labels:
        return self.batch + self.rows + self.columns


@lru_cache(maxsize=1024)
def _arrangement(left: Labels, right: Labels, keep: frozenset[str]) -> _Arrangement:
    common = [label for label in left if label in right]
    return _Arrangement(
        batch=tuple(label for label in common if label in keep),
        rows=tuple(label for label in left if label not in right and label in keep),
        summed=tuple(label for label in common if label not in keep),
        columns=tuple(label for label in right if label not in left and label in keep),
        keep_left=keep | set(right),
        keep_right=keep | set(left),
    )


def _from_sublists(arguments: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """An equation and operands for the form `einsum(a, [0, 1], b, [1, 2], [0, 2])`."""

    def term(sublist: Sequence[Any]) -> str:
        for entry in sublist:
            if entry is not Ellipsis and not 0 <= entry < len(_LETTERS):
                raise ArgumentError(f"einsum: sublist entry {entry} is not in 0 to {len(_LETTERS) - 1}")
        return "".join("..." if entry is Ellipsis else _LETTERS[entry] for entry in sublist)

    operands = list(arguments[: len(arguments) - len(arguments) % 2 : 2])
    equation = ",".join(term(sublist) for sublist in arguments[1 : len(arguments) : 2])
    return (f"{equation}->{term(arguments[-1])}" if len(arguments) % 2 else equation), operands


@public(method=False)
def einsum(equation: Any, *operands: Any) -> "Tensor":
    """Sum of products of the operands as an equation in Einstein's notation says, such as "bij,bjk->bik".

    Letters name dimensions: those missing from the result are summed over, one repeated within an operand takes the
    diagonal, "..." stands for any further dimensions, which broadcast. Without "->" the result has the letters that
    occur once, sorted. Operands may come as one list, or each followed by a list of numbers in place of the letters.

    Raises:
        ArgumentError: for an equation that is not well formed or for another number of operands.
        ShapeError: when a letter stands for different sizes or an operand has another number of dimensions.

    >>> tracegraph.einsum("ij,j->i", tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([1, 10]))
    tensor([21, 43])
    >>> tracegraph.einsum("ii", tracegraph.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    tensors: list[Tensor]
    if isinstance(equation, str):
        tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], list | tuple) else list(operands)
    else:
        equation, tensors = _from_sublists((equation, *operands))
    made = plan(equation, tuple(tensor.shape for tensor in tensors))
    terms = list(zip(tensors, made.inputs, strict=True))
    if not made.plain:
        terms = [_prepare(tensor, labels, made.sizes) for tensor, labels in terms]
    for step in made.path:
        chosen = [terms.pop(position) for position in reversed(step)][::-1]
        while len(chosen) > 1:
            (a, left), (b, right), *chosen = chosen
            keep = set(made.output).union(*(labels for _, labels in (*terms, *chosen)))
            chosen.insert(0, _contract(a, left, b, right, keep, made.sizes))
        terms.append(chosen[0])
    ((result, labels),) = terms
    result, labels = _sum_out(result, labels, set(made.output))
    return _arrange(result, labels, made.output)
