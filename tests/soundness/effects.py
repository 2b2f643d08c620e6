"""Random statements that change something: tensors in place and through views, outer state, gradients, output."""

from collections.abc import Callable

from tests.soundness.expressions import Expressions, digits
from tests.soundness.vocabulary import FLOAT, INT, Kind, Scope, Variable

IN_PLACE = (
    "{0}.add_({1})", "{0}.mul_({1})", "{0} += {1}", "{0} *= {1}", "{0}.sub_(0.5)", "{0}.copy_({1})", "{0} -= {1}",
    "{0}.fill_({2})", "{0}.neg_()", "{0}.clamp_(-1.5, 1.5)", "{0}.zero_()", "{0}.tanh_()", "{0}.relu_()",
)  # fmt: skip
STORES = (
    "history.append(<S>)", "history.append(<T3>)", 'table["k"] = <S>', "box.scale = <S>", "box.weight = <T3>",
    'box.mode = "b" if box.mode == "a" else "a"', "history[-1:] = [<S>]", 'table.pop("k", None)', "box.scale += 0.25",
    "box.weight.mul_(0.5)", "box.weight.add_(0.25)", "box.items.append(<T3>)",
    'table["t"] = table.get("t", 0.5) + <T3>',
    "history.clear()", "del box.items[1:]", "box.items[0] = <T3>", "tally.add(<I>)", "box.items[0].add_(<T3>)",
    'table.setdefault("s", len(history))', "history.extend([<T3>, <S>])", 'setattr(box, "scale", <S>)',
    "box.count = len(history)",
)  # fmt: skip
PARTS: dict[tuple[int, ...], tuple[tuple[str, tuple[int, ...]], ...]] = {
    (3,): (("{}[0]", ()), ("{}[-1]", ()), ("{}[1:]", (2,)), ("{}[:2]", (2,)), ("{}.view(3)", (3,)), ("{}.detach()",
    (3,))),
    (4,): (("{}[1:]", (3,)), ("{}[::2]", (2,)), ("{}.view(2, 2)[0]", (2,)), ("{}[3]", ()), ("{}[:3]", (3,))),
    (2,): (("{}[0]", ()), ("{}.unsqueeze(1)[1, 0]", ())),
    (2, 3): (("{}[1]", (3,)), ("{}.t()[0]", (2,)), ("{}[:, 1]", (2,)), ("{}.view(-1)[2:5]", (3,)), ("{}[0, 2]", ()),
             ("{}.permute(1, 0)[2]", (2,)), ("{}[-1]", (3,))),
    (): (("{}.view(1)[0]", ()),),
}  # fmt: skip


class Effects:
    """Writes statements with effects."""

    def __init__(self, scope: Scope, budget: int) -> None:
        self.scope, self.draw, self.expressions = scope, scope.draw, Expressions(scope)
        self.lines: list[str] = []
        self.depth = 1
        self.budget = budget

    def line(self, text: str) -> None:
        """Write a line at the present depth."""
        self.lines.append("    " * self.depth + text)

    def changes(self) -> list[tuple[int, Callable[[], None]]]:
        """The statements with effects that the program's features allow, with weights."""
        scope = self.scope
        choices: list[tuple[int, Callable[[], None]]] = []
        if scope.has("inplace", "arguments"):
            choices += [
                (4, self.in_place),
                (4, self.part_in_place),
                (2, self.masked),
                (2, self.view),
                (2, self.item_store),
            ]
        if scope.has("outer"):
            choices.append((4, self.outer_store))
        if scope.has("print"):
            choices.append((2, self.output))
        if scope.has("gradients"):
            choices += [(3, self.backward), (1, self.update)]
        if scope.has("numpy") and scope.has("escape"):
            choices.append((2, self.through_numpy))
        if scope.has("containers") and scope.has("arguments"):
            choices.append((2, self.change_container))
        return choices

    # -- tensors in place ----------------------------------------------------------------------------------------------

    def target(self) -> Variable | None:
        """A tensor to change: a local one, or one from outside where that is a feature."""
        scope = self.scope
        known = [v for v in scope.of("tensor") if v.kind.dtype == "float32"]
        known = [v for v in known if scope.has("arguments") or not v.outer]
        known = [v for v in known if not v.leaf or scope.gradients_off or self.draw.chance(0.05)]
        return self.draw.one(*known) if known else None

    def in_place(self) -> None:
        target = self.target()
        if target is None:
            return
        form = self.draw.one(*IN_PLACE)
        value = self.expressions.tensor(target.kind.shape, 1) if self.draw.chance(0.5) else self.expressions.scalar()
        if form.startswith("{0}.copy_"):
            value = self.expressions.tensor(target.kind.shape, 1)
        if "= " in form:
            self.scope.assigned(target)
        self.line(form.format(target.name, value, self.draw.constant()))

    def part_in_place(self) -> None:
        target = self.target()
        if target is None:
            return
        part, shape = self.draw.one(*PARTS[target.kind.shape])
        value = self.expressions.tensor(shape, 1) if self.draw.chance(0.5) else self.draw.constant()
        form = self.draw.one(
            "{0}.add_({1})", "{0}.mul_({1})", "{0}.sub_({1})", "{0}.copy_({1})", "{0}.mul_({1}).add_(0.5)"
        )
        if form == "{0}.copy_({1})":
            value = self.expressions.tensor(shape, 1)
        self.line(form.format(part.format(target.name), value))

    def item_store(self) -> None:
        target = self.target()
        if target is None or not target.kind.shape:
            return
        places = [(p, s) for p, s in PARTS[target.kind.shape] if p.endswith("]")]
        part, shape = self.draw.one(*places)
        value = self.expressions.tensor(shape, 1) if self.draw.chance(0.6) else self.expressions.scalar()
        self.line(f"{part.format(target.name)} {self.draw.one('=', '=', '+=', '*=')} {value}")

    def masked(self) -> None:
        target = self.target()
        if target is None or not target.kind.shape:
            return
        name, shape, constant = target.name, target.kind.shape, self.draw.constant()
        here, row = digits(shape), digits(shape[1:])
        self.line(
            self.expressions.one(
                f"{name}[{name} > <H>] = <C>", f"{name}.masked_fill_(<M{here}>, {constant})", f"{name}[[0, 1]] = <C>",
                f"{name}[<M{here}>] *= {constant}", f"{name}[tg.tensor([1, 0])] = <T{row}>",
            )
        )  # fmt: skip

    def view(self) -> None:
        """A name for a view of another tensor, which later statements may change."""
        known = [v for v in self.scope.of("tensor") if v.kind.dtype == "float32" and v.kind.shape]
        known = [v for v in known if self.scope.has("arguments") or not v.outer]
        if known:
            chosen = self.draw.one(*known)
            part, shape = self.draw.one(*PARTS[chosen.kind.shape])
            name = self.scope.fresh("v")
            self.line(f"{name} = {part.format(chosen.name)}")
            self.scope.add(name, Kind("tensor", shape), leaf=chosen.leaf)

    def through_numpy(self) -> None:
        target = self.target()
        if target is not None and target.kind.shape == (3,):
            name = self.scope.fresh("a")
            self.line(f"{name} = {target.name}.detach().numpy()")
            self.line(self.draw.one(f"{name}[0] = {self.draw.constant()}", f"{name} *= 2", f"{name}[1:] += 0.5"))

    # -- outer state ---------------------------------------------------------------------------------------------------

    def outer_store(self) -> None:
        scope, draw, expressions = self.scope, self.draw, self.expressions
        numbers = [
            v for v in scope.variables if v.outer and v.kind in (FLOAT, INT) and v.owner != scope.functions[-1].name
        ]
        if numbers and draw.chance(0.35):
            chosen = draw.one(*numbers)
            scope.assigned(chosen)
            value = f"{chosen.name} + 1" if chosen.kind == INT else f"{chosen.name} * 0.5 + 0.25"
            return self.line(f"{chosen.name} = {value}")
        return self.line(expressions.one(*STORES))

    def output(self) -> None:
        choices = ["print(<L3>.shape)", 'print("at", <I>)', "print(<L23>.dtype)"]
        if self.scope.has("escape"):
            choices += [
                "print(<L3>)",
                'print(f"sum {<L3>.sum().item():.3f}")',
                "print(<L2>.tolist())",
                'print(f"{<L3>}", <S>)',
            ]
        self.line(self.expressions.one(*choices))

    def change_container(self) -> None:
        lists, mappings = self.scope.of("tensors"), self.scope.of("mapping")
        choices = [
            text.format(v.name)
            for v in lists
            for text in ("{}[0].add_(0.5)", "{}[0] = <T3>", "{}.append(<T3>)", "{}[1] += 1", "{}.reverse()")
        ]
        choices += [
            text.format(v.name) for v in mappings for text in ('{}["p"].mul_(0.5)', '{}["r"] = <T3>', '{}["q"] += 1')
        ]
        if choices:
            self.line(self.expressions.one(*choices))

    # -- gradients -----------------------------------------------------------------------------------------------------

    def backward(self) -> None:
        """A loss of the outer weight or of a fresh leaf, its backward pass, and perhaps its gradient read."""
        draw, scope = self.draw, self.scope
        name = "weight"
        if draw.chance(0.3):
            name = scope.fresh("w")
            self.line(f"{name} = {self.expressions.tensor((3,), 1)}.detach().clone().requires_grad_()")
            scope.add(name, Kind("tensor", (3,)), leaf=True)
        loss = draw.one(
            "({0} * {1}).sum()", "(({0} - {1}) ** 2).mean()", "({0} @ {1}).tanh()", "({0}.exp() * {1}).sum()"
        )
        other = self.expressions.tensor((3,), 1)
        target = scope.fresh("t")
        if scope.gradients_off:
            return
        if draw.chance(0.4):
            self.line(f"{target} = {loss.format(name, other)}")
            scope.add(target, Kind("tensor", ()))
        else:
            self.line(f"{target} = {loss.format(name, other)}")
            self.line(f"{target}.backward()")
            scope.add(target, Kind("tensor", ()))
            if draw.chance(0.5):
                self.line(f"{scope.fresh('t')} = {name}.grad{draw.one(' * 1', '', '.clone()')}")
                scope.add(f"t{scope._count}", Kind("tensor", (3,)))

    def update(self) -> None:
        """A step of gradient descent, or gradients reset."""
        if self.draw.chance(0.5):
            self.line("weight.grad = None")
        elif self.draw.chance(0.7):
            self.line("if weight.grad is not None:")
            self.line("    with tg.no_grad():")
            step = self.draw.one("sub_(weight.grad * 0.125)", "add_(weight.grad, alpha=-0.125)", "grad.mul_(0.5)")
            self.line(f"        weight.{step}")
        else:
            self.line("weight = weight.detach().clone().requires_grad_()")
            self.scope.assigned(next(v for v in self.scope.variables if v.name == "weight"))

    # -- results -------------------------------------------------------------------------------------------------------

    def result(self) -> str:
        """What is returned: tensors in sight, expressions, views, Python values, nested."""
        draw, expressions = self.draw, self.expressions
        tensors = [v.name for v in self.scope.of("tensor")[:6]]

        choices = [[*tensors, "None"], ["<T3>", "<T23>", "<T0>", "<L3>"], tensors or ["0"]]
        if self.scope.has("inplace", "arguments"):
            choices.append(["<L23>[0]", "<L3>.view(3)", "<L3>[1:]", "<L23>.t()"])
        if self.scope.has("escape"):
            choices.append(["<S>", "<L3>.tolist()", 'f"{<L0>:.3f}"'])
        choices.append([v.name for kind in ("tensors", "mapping", "int") for v in self.scope.of(kind)[:1]] or ["<L3>"])

        def item() -> str:
            return expressions.one(*draw.one(*choices))

        form = draw.one("{0}", "{0}, {1}", "[{0}, {1}]", '{{"out": {0}, "more": ({1}, 1)}}', "{0}, {0}", "None", "{0}")
        return form.format(item(), item())
