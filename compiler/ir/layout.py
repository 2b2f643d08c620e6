"""`layered(...)` places the nodes of an acyclic graph in rows, so that edges run downwards and cross little.

The method of Sugiyama, Tagawa and Toda (1981): layers by longest path, order within a layer by barycentres, then
horizontal positions by least squares under the order found.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 10
_GAP = 18.0
_BEND_WIDTH = 4.0
_BEND_WEIGHT = 4.0


@dataclass
class Layout:
    """Where things lie: `x` (centre) and `row` of each node; per edge the points it passes, as pairs of x and row."""

    x: list[float]
    row: list[int]
    routes: list[list[tuple[float, int]]]


@dataclass
class _Rows:
    """The nodes and the bends of long edges, row by row, with their neighbours above and below."""

    rows: list[list[int]]
    width: list[float]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)

    def add(self, row: int, width: float) -> int:
        self.rows[row].append(len(self.width))
        self.width.append(width)
        self.above.append([])
        self.below.append([])
        return len(self.width) - 1

    def link(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)


def layered(widths: Sequence[float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places nodes 0 to n - 1 of the given widths; each edge goes from a smaller to a larger number."""
    row = _rows_by_longest_path(len(widths), edges)
    made = _Rows([[] for _ in range(max(row, default=-1) + 1)], [])
    for number, width in enumerate(widths):
        made.add(row[number], width)
    chains = []
    for source, target in edges:
        chain = [source, *[made.add(r, _BEND_WIDTH) for r in range(row[source] + 1, row[target])], target]
        for upper, lower in pairwise(chain):
            made.link(upper, lower)
        chains.append(chain)
    _order(made)
    x = _positions(made, len(widths))
    routes = [[(x[item], row[chain[0]] + place) for place, item in enumerate(chain)] for chain in chains]
    return Layout(x[: len(widths)], row, routes)


def _rows_by_longest_path(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    row = [0] * count
    sources = [0] * count
    targets: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        row[target] = max(row[target], row[source] + 1)
        sources[target] += 1
        targets[source].append(target)
    # What has no more sources than users stands just above the first of these: the edges below get shorter.
    for number in reversed(range(count)):
        if targets[number] and sources[number] <= len(targets[number]):
            row[number] = max(row[number], min(row[target] for target in targets[number]) - 1)
    return row


def _order(made: _Rows) -> None:
    """Sort each row by the mean place of its neighbours, down and up in turn; the order with fewest crossings stays."""
    best, fewest = [list(row) for row in made.rows], _crossings(made)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = made.above if down else made.below
        place = _places(made.rows)
        for row in made.rows if down else reversed(made.rows):
            key = {
                item: sum(place[other] for other in neighbours[item]) / len(neighbours[item])
                if neighbours[item]
                else place[item]
                for item in row
            }
            row.sort(key=key.__getitem__)
            place.update(_places([row]))
        crossings = _crossings(made)
        if crossings < fewest:
            best, fewest = [list(row) for row in made.rows], crossings
    made.rows = best


def _places(rows: Sequence[Sequence[int]]) -> dict[int, float]:
    """The place of each item in its row, from 0 to 1."""
    return {item: (place + 0.5) / len(row) for row in rows for place, item in enumerate(row)}


def _crossings(made: _Rows) -> int:
    """Number of pairs of edges between neighbouring rows that cross."""
    place = _places(made.rows)
    total = 0
    for row in made.rows:
        seen: list[float] = []
        for item in row:
            ends = sorted(place[other] for other in made.below[item])
            total += sum(len(seen) - bisect_left(seen, end + 1e-9) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _positions(made: _Rows, nodes: int) -> list[float]:
    """Centres of all items: as near to their neighbours as the order and the widths allow."""
    x = [0.0] * len(made.width)
    for row in made.rows:
        left = 0.0
        for item in row:
            x[item] = left + made.width[item] / 2
            left += made.width[item] + _GAP
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        for row in made.rows if down else reversed(made.rows):
            wanted, weights = [], []
            for item in row:
                near = made.above[item] if down else made.below[item]
                if sweep >= 2 * _SWEEPS - 2:
                    near = made.above[item] + made.below[item]
                wanted.append(sum(x[other] for other in near) / len(near) if near else x[item])
                weights.append(_BEND_WEIGHT if item >= nodes else float(max(len(near), 0.2)))
            for item, centre in zip(row, _spread(wanted, weights, [made.width[item] for item in row]), strict=True):
                x[item] = centre
    least = min((x[item] - made.width[item] / 2 for row in made.rows for item in row), default=0.0)
    return [centre - least for centre in x]


def _spread(wanted: list[float], weights: list[float], widths: list[float]) -> list[float]:
    """The centres nearest to the wanted ones (weighted least squares) that keep the order and do not overlap.

    With the distances taken off this is isotonic regression, solved by pooling adjacent violators.
    """
    offset = [0.0]
    for left, right in pairwise(widths):
        offset.append(offset[-1] + (left + right) / 2 + _GAP)
    pools: list[tuple[float, float, int]] = []
    for want, weight, shift in zip(wanted, weights, offset, strict=False):
        mean, total, count = want - shift, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, members = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, count = total + heavy, count + members
        pools.append((mean, total, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(flat, offset, strict=False)]
