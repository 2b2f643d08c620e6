"""Random statements: `Statements(scope).body(count)` writes the lines of a function over the variables in sight."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.soundness.effects import Effects
from tests.soundness.vocabulary import FLOAT, INT, Function, Kind


class Statements(Effects):
    """Writes statements; what changes something existing is inherited, here are assignments and control flow."""

    def body(self, count: int) -> None:
        """Some statements."""
        for _ in range(count):
            if self.budget <= 0:
                break
            self.budget -= 1
            self.statement()

    def statement(self) -> None:
        """One statement, of a kind that the program's features allow."""
        scope, nested = self.scope, self.depth
        choices: list[tuple[int, Callable[[], None]]] = [
            (8, self.new_tensor),
            (3, self.assign_again),
            (1, self.new_number),
        ]
        choices += self.changes()
        if nested < 3:
            choices.append((4 if scope.has("branch", "reads", "escape") else 1, self.branch))
            if scope.has("loops"):
                choices += [(3, self.for_loop), (2 if scope.has("branch", "escape") else 0, self.while_loop)]
            if scope.has("errors"):
                choices.append((3, self.attempt))
            if scope.has("functions"):
                choices += [(3, self.nested_function), (1, self.closure)]
            if scope.has("gradients"):
                choices.append((2, self.without_gradients))
        if scope.has("branch", "reads") and nested:
            choices.append((1, self.early_return))
        if scope.loops:
            choices.append((2, self.leave_loop))
        if scope.has("escape", "branch") and scope.has("errors"):
            choices.append((1, self.raise_by_data))
        if scope.has("containers"):
            choices.append((2, self.container))
        self.draw.weighted(choices)()

    # -- names ---------------------------------------------------------------------------------------------------------

    def new_tensor(self) -> None:
        shape = self.expressions.any_shape()
        text = self.expressions.tensor(shape, self.draw.number(1, 3))
        self.line(f"{self.scope.fresh('t')} = {text}")
        self.scope.add(f"t{self.scope._count}", Kind("tensor", shape))

    def assign_again(self) -> None:
        known = [v for v in self.scope.of("tensor") if self.scope.assignable(v) and v.kind.dtype == "float32"]
        if not known:
            return self.new_tensor()
        chosen = self.draw.one(*known)
        text = self.expressions.tensor(chosen.kind.shape)
        self.scope.assigned(chosen)
        return self.line(f"{chosen.name} = {text}")

    def new_number(self) -> None:
        number, kind = (
            (self.expressions.scalar(), FLOAT) if self.draw.chance(0.5) else (self.expressions.integer(), INT)
        )
        name = self.scope.fresh("k")
        self.line(f"{name} = {number}")
        self.scope.add(name, kind)

    def container(self) -> None:
        expressions, name = self.expressions, self.scope.fresh("c")
        one, two = expressions.tensor((3,), 1), expressions.tensor((3,), 1)
        if self.draw.chance(0.5):
            self.line(f"{name} = [{one}, {two}]")
            self.scope.add(name, Kind("tensors"))
        else:
            self.line(f'{name} = {{"p": {one}, "q": {two}}}')
            self.scope.add(name, Kind("mapping"))

    # -- control flow --------------------------------------------------------------------------------------------------

    @contextmanager
    def inside(self, head: str) -> Iterator[None]:
        """A block with a head; one that stays empty is filled."""
        self.line(head)
        self.depth += 1
        before = len(self.lines)
        with self.scope.block():
            yield
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def branch(self) -> None:
        with self.inside(f"if {self.expressions.condition()}:"):
            self.body(self.draw.number(1, 2))
        if self.draw.chance(0.2):
            with self.inside(f"elif {self.expressions.condition()}:"):
                self.body(1)
        if self.draw.chance(0.5):
            with self.inside("else:"):
                self.body(self.draw.number(1, 2))

    def for_loop(self) -> None:
        draw, expressions = self.draw, self.expressions
        lists, mappings = self.scope.of("tensors"), self.scope.of("mapping")
        name = self.scope.fresh("i")
        heads: list[tuple[str, list[tuple[str, Kind]]]] = [
            (f"for {name} in range(<I>):", [(name, INT)]),
            (f"for {name} in <T23>:", [(name, Kind("tensor", (3,)))]),
            (f"for {name} in (0.5, 1.5, -1.0):", [(name, FLOAT)]),
            (f"for {name}, {name}_v in enumerate(<L3>):", [(name, INT), (f"{name}_v", Kind("tensor"))]),
            (f"for {name}, _ in zip(<T23>, range(<I>)):", [(name, Kind("tensor", (3,)))]),
        ]
        heads += [(f"for {name} in {v.name}:", [(name, Kind("tensor", (3,)))]) for v in lists]
        heads += [(f"for {name}_k, {name} in {v.name}.items():", [(name, Kind("tensor", (3,)))]) for v in mappings]
        if self.scope.has("outer"):
            heads += [(f"for {name} in range(counter % 3):", [(name, INT)])]
        head, made = draw.one(*heads)
        self.scope.loops += 1
        with self.inside(expressions.fill(head)):
            for variable, kind in made:
                self.scope.add(variable, kind)
            self.body(draw.number(1, 3))
        self.scope.loops -= 1
        if draw.chance(0.1):
            with self.inside("else:"):
                self.body(1)

    def while_loop(self) -> None:
        name, most = self.scope.fresh("n"), self.draw.number(2, 6)
        condition = self.expressions.condition()
        known = [v for v in self.scope.of("tensor") if not v.outer and v.kind.dtype == "float32"]
        self.line(f"{name} = 0")
        self.scope.add(name, INT)
        if known and self.scope.has("branch"):
            chosen = self.draw.one(*known)
            condition = f"{chosen.name}.sum() < {self.draw.number(1, 6)}.31"
        else:
            chosen = None
        self.scope.loops += 1
        with self.inside(f"while {condition} and {name} < {most}:"):
            self.line(f"{name} += 1")
            if chosen is not None:
                self.scope.assigned(chosen)
                self.line(f"{chosen.name} = {chosen.name} {self.draw.one('+ 0.5', '* 0.75 + 0.4', '- 0.25')}")
            self.body(self.draw.number(0, 2))
        self.scope.loops -= 1

    def leave_loop(self) -> None:
        with self.inside(f"if {self.expressions.condition()}:"):
            self.line(self.draw.one("break", "continue"))

    def early_return(self) -> None:
        with self.inside(f"if {self.expressions.condition(0)}:"):
            self.line(f"return {self.result()}")

    def attempt(self) -> None:
        expressions, draw, name = self.expressions, self.draw, self.scope.fresh("t")
        raisers = [
            f"{name} = <L3> + <L4>", f"{name} = <L3>[{draw.number(2, 4)}] + <L3>", f'{name} = table["missing"]',
            f"{name} = <L23> @ <L23>", 'raise ValueError("no " + str(<I>))', f"{name} = 1 // <I>",
        ]  # fmt: skip
        if self.scope.has("branch", "escape"):
            raisers += [f"{name} = <L3>[int(<L0> * 2.37)]", "assert <Q>, 'asserted'"]
        with self.inside("try:"):
            self.body(draw.number(0, 2))
            if draw.chance(0.6):
                self.line(expressions.one(*raisers))
            self.body(draw.number(0, 1))
        with self.inside(draw.one("except Exception as error:", "except (ValueError, IndexError, RuntimeError):")):
            self.body(draw.number(0, 1))
            if draw.chance(0.15):
                self.line("raise")
        if draw.chance(0.3):
            with self.inside("finally:"):
                self.body(1)

    def raise_by_data(self) -> None:
        with self.inside(f"if {self.expressions.condition(0)}:"):
            self.line(
                self.expressions.fill(
                    f'raise {self.draw.one("ValueError", "KeyError", "RuntimeError")}(f"stop {{<I>}}")'
                )
            )

    def without_gradients(self) -> None:
        before = self.scope.gradients_off
        off = self.draw.chance(0.8)
        self.scope.gradients_off = off
        with self.inside("with tg.no_grad():" if off else "with tg.enable_grad():"):
            self.body(self.draw.number(1, 3))
        self.scope.gradients_off = before

    # -- functions -----------------------------------------------------------------------------------------------------

    def nested_function(self) -> None:
        name, shape = self.scope.fresh("inner"), self.expressions.any_shape()
        loops, self.scope.loops = self.scope.loops, 0
        self.line(f"def {name}(v):")
        self.depth += 1
        place = len(self.lines)
        before = list(self.scope.variables)
        self.scope.functions.append(Function(name))
        self.scope.add("v", Kind("tensor", shape))
        self.body(self.draw.number(0, 2))
        self.line(f"return {self.expressions.tensor(shape, 1)} + v")
        self.declare(place)
        self.scope.functions.pop()
        self.scope.variables, self.scope.loops = before, loops
        self.depth -= 1
        target = self.scope.fresh("t")
        self.line(f"{target} = {name}({self.expressions.tensor(shape, 1)})")
        self.scope.add(target, Kind("tensor", shape))

    def declare(self, place: int) -> None:
        """Write at a line what the function being written declares as global and nonlocal."""
        here = self.scope.functions[-1]
        for word, names in (("global", here.globals), ("nonlocal", here.nonlocals)):
            if names:
                self.lines.insert(place, "    " * self.depth + f"{word} {', '.join(sorted(names))}")

    def closure(self) -> None:
        name = self.scope.fresh("g")
        form = self.draw.one("v * 0.5 + <S>", "v.tanh() - <S>", "(v + 1) * <S>", "v * <S>", "<S> - v")
        self.line(f"{name} = lambda v: {self.expressions.fill(form)}")
        self.scope.add(name, Kind("function"))
