"""Random expressions: `Expressions(scope).tensor(shape)` is the text of one that gives a float tensor of that shape.

Expressions are written as templates with holes, which `fill` replaces: `<T23>` is a tensor of shape (2, 3) (`<T0>`:
()), `<L3>` a variable or something as simple, `<M3>` a mask, `<Z3>` an integer tensor, `<S>` a Python number, `<I>` an
int from 0 to 3 or so, `<Q>` a condition, `<C>` a constant, `<H>` a threshold.
"""

import re

from tests.soundness.vocabulary import FLOAT, INT, SHAPES, Kind, Scope, Shape

HOLE = re.compile(r"<([TLMZ])(0|\d+)>|<([SIQCH])>")

UNARY = (
    "<T>.tanh()", "<T>.relu()", "tg.sigmoid(<T>)", "(-<T>)", "<T>.clamp(-1.5, 1.5)", "<T>.abs()", "<T>.sin()",
    "(<T> * 0.5)", "<T>.clamp(-2.0, 2.0).exp()", "<T>.clone()", "<T>.detach()", "<T>.square().tanh()", "tg.relu(<T>)",
    "<T>.contiguous()", "(<T>.abs() + 0.5).sqrt()", "(<T>.abs() + 0.5).log()", "<T>.cos()",
    "tg.maximum(<L>, <T> * 0.5)",
    "<T>.erf()", "tg.zeros_like(<L>)", "tg.ones_like(<T>)", "tg.full_like(<L>, <S>)",
)  # fmt: skip
WITH_DIMENSION = (
    "<T>.flip(0)", "<T>.cumsum(0)", "<T>.softmax(-1)", "<T>.sort(-1).values", "(<T> - <L>.mean())", "<T>.roll(1, 0)",
)  # fmt: skip
BINARY = (
    "(<T> + <U>)", "(<T> - <U>)", "(<T> * <U>)", "tg.maximum(<T>, <U>)", "tg.minimum(<T>, <U>)", "tg.tanh(<T> * <U>)",
    "(<T> / (<U>.abs() + 1.5))", "tg.where(<T> > 0.37, <U>, 0.5)", "tg.add(<T>, <U>)", "<T>.lerp(<U>, 0.25)",
    "tg.where(<M>, <T>, <L>)",
)  # fmt: skip
SCALED = ("(<T> * <S>)", "(<T> + <S>)", "(<S> - <T>)", "<T>.add(<S>)", "(<S> * <T>)", "(<T> / 2)")
CAST = (
    "<T>.double().float()", "(<T> * 1.37).to(tg.int64).float()", "<M>.float()", "(<T> + <Z>)",
    "(<T>.double() * 2).float()",
    "<T>.to(<L>.dtype)", "(<T> * <M>)",
)  # fmt: skip
# How a tensor of one shape is made out of others: views, reductions, products, joins.
MADE: dict[Shape, tuple[str, ...]] = {
    (): (
        "<T3>.sum()", "<T23>.mean()", "<T3>[1]", "<T3>[-1]", "<T4>.amax()", "(<T3> @ <L3>)", "<T3>.max()",
        "<T23>[1, 2]",
        "<T3>.std()", "<T3>.norm()", "<T2>.prod()", "sum(v * v for v in <L3>)", "<T3>.unbind(0)[2]",
    ),
    (3,): (
        "<T23>[0]", "<T23>[-1]", "<T4>[1:]", "<T23>.sum(0)", "<T23>.mean(dim=0)", "<T23>.max(0).values",
        "(<L2> @ <T23>)",
        "<T3>[[2, 0, 1]]", "<T23>.t()[:, 0]", "tg.cat([<L2>, <T0>.reshape(1)])", "tg.stack([<T0>, <L0>, <L0>])",
        "<T0>.expand(3)", "<T3>.index_select(0, tg.tensor([1, 1, 0]))", "<T4>[:3]", "<T3>.gather(0, <L3>.argsort())",
    ),
    (4,): (
        "tg.cat([<T3>, <L3>[:1]])", "tg.cat([<L2>, <T2>])", "<T23>.reshape(-1)[1:5]", "<T23>[:, :2].reshape(4)",
        "tg.stack([<T2>, <L2>]).view(-1)",
    ),
    (2,): (
        "<T23>[:, 1]", "<T3>[:2]", "<T23>.sum(1)", "(<T23> @ <L3>)", "<T4>[::2]", "<T4>.reshape(2, 2)[0]",
        "<T23>.amax(1)",
        "tg.stack([row.sum() for row in <L23>])",
    ),
    (2, 3): (
        "tg.stack([<T3>, <L3>])", "<T3>.unsqueeze(0).expand(2, 3)", "tg.outer(<T2>, <L3>)",
        "(<L2>.unsqueeze(1) * <T3>)",
        "<T23>.reshape(3, 2).t()", "<T23>[[1, 0]]", "tg.stack([row + <S> for row in <L23>])",
    ),
}  # fmt: skip
SIMPLE: dict[Shape, tuple[str, ...]] = {
    (): ("<L3>[1]", "<L3>.sum()", "<L3>.mean()", "<L3>[-1]"),
    (3,): ("<L3>",),
    (4,): ("tg.cat([<L3>, <L3>[:1]])", "tg.cat([<L3>[:2], <L3>[1:]])"),
    (2,): ("<L3>[1:]", "<L3>[:2]", "<L3>[::2]"),
    (2, 3): ("tg.stack([<L3>, <L3>])", "<L3>.expand(2, 3)"),
}
MASKS = ("(<T> > <H>)", "(<T> <= <H>)", "~(<T> > <H>)", "(<T> > <L> * 0.93)", "((<T> > <H>) & (<L> < 1.57))")


def digits(shape: Shape) -> str:
    """How a hole names a shape."""
    return "".join(map(str, shape)) or "0"


class Expressions:
    """Writes expressions over the variables in sight."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.draw = scope, scope.draw

    def fill(self, template: str, depth: int = 1) -> str:
        """A template with its holes filled by expressions of at most some depth."""

        def filled(hole: re.Match[str]) -> str:
            kind, place, plain = hole.groups()
            if plain is not None:
                return self._plain(plain, depth)
            shape = () if place == "0" else tuple(map(int, place))
            if kind == "T":
                return self.tensor(shape, depth)
            if kind == "L":
                return self.leaf(shape)
            return self.mask(shape, depth) if kind == "M" else self.integers(shape, depth)

        return HOLE.sub(filled, template)

    def _plain(self, kind: str, depth: int) -> str:
        """What fills a hole that has no shape."""
        if kind == "C":
            return self.draw.constant()
        if kind == "H":
            return self.draw.threshold()
        return {"S": self.scalar, "I": self.integer, "Q": self.condition}[kind](depth)

    def one(self, *templates: str, depth: int = 1) -> str:
        """One of some templates, filled."""
        return self.fill(self.draw.one(*templates), depth)

    def any_shape(self) -> Shape:
        """A shape, often the first."""
        return self.draw.one((3,), *SHAPES)

    # -- tensors -------------------------------------------------------------------------------------------------------

    def tensor(self, shape: Shape, depth: int = 2) -> str:
        """A float tensor of a shape."""
        draw, scope, here = self.draw, self.scope, digits(shape)
        if depth <= 0 or draw.chance(0.15):
            return self.leaf(shape)
        groups: list[tuple[str, ...]] = [BINARY, BINARY, UNARY, SCALED, MADE[shape]]
        if shape:
            groups.append(WITH_DIMENSION)
        if scope.has("branch", "reads"):
            groups.append(("(<T> if <Q> else <L>)",))
        if scope.has("functions"):
            known = [f"{v.name}(<T>)" for v in scope.of("function")]
            groups.append(tuple(known) or ("(lambda v: v * <S> + <L>)(<T>)",))
        if scope.has("dtypes"):
            groups.append(CAST)
        if scope.has("random"):
            size, one = (", ".join(map(str, shape)), "") if shape else ("1", "[0]")
            groups.append(
                (f"tg.rand({size}){one}", f"tg.randn({size}){one}", "(<T> + tg.rand_like(<L>, dtype=tg.float32))")
            )
        if scope.has("containers") and shape == (3,):
            groups.append(self._items())
        template = draw.one(*draw.one(*groups))
        second = digits(shape if draw.chance(0.7) else draw.one(shape[1:], ()))
        template = re.sub(r"<([TLMZ])>", rf"<\g<1>{here}>", template.replace("<U>", f"<T{second}>"))
        return self.fill(template, depth - 1)

    def _items(self) -> tuple[str, ...]:
        lists, mappings = self.scope.of("tensors"), self.scope.of("mapping")
        forms = [f.format(v.name) for v in lists for f in ("{}[0]", "{}[-1]", "sum({})", "tg.stack({}).sum(0)")]
        forms += [f.format(v.name) for v in mappings for f in ('{}["p"]', '{}.get("q", <L3>)', "sum({}.values())")]
        return tuple(forms) or ("<L3>",)

    def leaf(self, shape: Shape) -> str:
        """A variable of the shape, or a new tensor."""
        found = self.scope.of(Kind("tensor", shape))
        if found and not self.draw.chance(0.08):
            return self.draw.one(*found).name
        if self.draw.chance(0.6) and shape != (3,):
            return self.one(*SIMPLE[shape], depth=0)
        size = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        return self.draw.one(self.draw.tensor(shape), f"tg.full({size}, {self.draw.constant()})", f"tg.ones({size})")

    def mask(self, shape: Shape, depth: int = 1) -> str:
        """A bool tensor."""
        here = digits(shape)
        return self.fill(self.draw.one(*MASKS).replace("<T>", f"<T{here}>").replace("<L>", f"<L{here}>"), depth)

    def integers(self, shape: Shape, depth: int = 1) -> str:
        """An integer tensor."""
        known = self.scope.of(Kind("tensor", shape, "int64"))
        if known and self.draw.chance(0.6):
            return self.draw.one(*known).name
        here = digits(shape)
        return self.one(f"<M{here}>.long()", f"(<T{here}> * 2.37).to(tg.int64)", depth=depth)

    # -- Python values -------------------------------------------------------------------------------------------------

    def _readable(self, kind: Kind, count: int) -> list[str]:
        outside = self.scope.has("reads", "outer")
        return [v.name for v in self.scope.of(kind) if outside or not v.outer or v.owner == "f"][:count]

    def scalar(self, depth: int = 1) -> str:
        """A Python number."""
        scope = self.scope
        groups = [
            ["<C>"],
            self._readable(FLOAT, 3) or ["<C>"],
            [f"({name} * 0.25)" for name in self._readable(INT, 2)] or ["<C>"],
        ]
        if scope.has("reads"):
            groups.append(["box.scale", "len(history)", 'table.get("k", 0.5)', "<L3>.shape[0]"])
        if scope.has("escape"):
            groups.append(
                [
                    "<T0>.item()",
                    "float(<T0>)",
                    "<L3>.tolist()[1]",
                    "sum(<L3>.tolist())",
                    "min(max(<T0>.item(), -1.0), 1.0)",
                ]
            )
            groups.append(["<T0>.item()", "float(<T0>)"])
            if scope.has("numpy"):
                groups.append(["float(<L3>.detach().numpy().sum())"])
        if scope.has("pyrandom"):
            groups.append(["random.random()", "random.choice([0.5, 1.5])"])
        return self.one(*self.draw.one(*groups), depth=depth - 1)

    def integer(self, depth: int = 1) -> str:
        """A Python int between 0 and 3 or so."""
        scope = self.scope
        groups = [[str(self.draw.number(0, 3))], [f"({name} % 3)" for name in self._readable(INT, 3)] or ["2"]]
        if scope.has("reads"):
            groups.append(["len(history) % 3", "len(<L3>)", "<L23>.dim()", "len(box.items)"])
        if scope.has("branch", "escape"):
            groups.append(["int(<T0> * 1.37) % 3", "int(<L3>.argmax())", "int(<M3>.sum())", "len(<M3>.nonzero())"])
        return self.one(*self.draw.one(*groups), depth=depth - 1)

    def condition(self, depth: int = 1) -> str:
        """A condition: on values of tensors where the program branches on them, else on Python values."""
        draw, scope = self.draw, self.scope
        if depth > 0 and draw.chance(0.15):
            return self.one("(<Q> and <Q>)", "(<Q> or <Q>)", "(not <Q>)", depth=0)
        groups = [["<I> > 1", "<I> == 2", "<I> <= 1"]]
        if scope.has("branch"):
            groups.append(["<T0> > <H>", "<L3>.sum() < <H>", "<L3>.sum() >= <H>", "<M3>.any()", "bool(<M3>.all())"])
            groups.append(["<L3>[0] > <H>", "any(v > <H> for v in <L3>)", "<H> < <T0> < 3.11", "tg.equal(<L3>, <L3>)"])
            groups.append(["<T0> > <H>", "<L3>.mean() > <H>", "not <L3>[1] > <H>"])
        if scope.has("escape"):
            groups.append(["<T0>.item() > <H>", "float(<T0>) < 0.37", "<L3>.tolist()[0] > <H>"])
        given = [v.name for v in scope.of("flag")] + [f'{v.name} == "{draw.one("a", "b")}"' for v in scope.of("text")]
        if given:
            groups.append(given)
        if scope.has("reads"):
            groups.append(["counter % 2 == 0", "len(history) > 2", 'box.mode == "a"', '"k" in table', "scale > 0.6"])
            groups.append(["<L3> is <L3>", "<L3>.requires_grad", "len(<L3>) == 3", "weight.grad is None", "1 in tally"])
        return self.one(*draw.one(*groups), depth=depth - 1)
