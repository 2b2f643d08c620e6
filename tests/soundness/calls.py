"""Random calls of a program's function: arguments, and what is done to results and outer state in between."""

from tests.soundness.vocabulary import Draw, Kind, Scope


class Calls:
    """Writes the steps of a program."""

    def __init__(self, scope: Scope, parameters: list[tuple[str, Kind]], form: str, defaults: dict[str, str]) -> None:
        self.scope, self.parameters, self.form, self.defaults = scope, parameters, form, defaults
        self.draw: Draw = scope.draw
        self.setup: list[str] = []
        self.steps: list[str] = []
        self.pool: dict[Kind, list[str]] = {}
        self.arguments: list[str] = []
        self.results = 0
        self.gradients = scope.has("gradients")

    def text(self) -> str:
        """Definitions of arguments, then the steps."""
        self.step("tg.manual_seed(3)")
        self.step("random.seed(3)")
        for name, kind in self.parameters:
            if kind.name == "tensor":
                self.new_tensor(kind, leaf=self.gradients and name == "x")
        last = ""
        for _ in range(self.draw.number(4, 8)):
            if last and self.draw.chance(0.25):
                call = last
            else:
                call = last = self.call(alike=bool(last) and self.draw.chance(0.45))
            self.step(f"r{self.results} = {call}")
            self.results += 1
            for _ in range(self.draw.one(0, 0, 1, 2)):
                self.between()
        return "\n".join([*self.setup, "", *(f"step({text!r})" for text in self.steps)])

    def step(self, text: str) -> None:
        """Add a step."""
        self.steps.append(text)

    # -- arguments -----------------------------------------------------------------------------------------------------

    def new_tensor(self, kind: Kind, *, leaf: bool = False) -> str:
        """A named argument made before the first step."""
        name = f"a{len(self.setup)}"
        if kind.dtype == "int64":
            self.setup.append(
                f"{name} = tg.tensor([{', '.join(str(self.draw.number(0, 2)) for _ in range(kind.shape[0]))}])"
            )
        else:
            self.setup.append(f"{name} = {self.draw.tensor(kind.shape, leaf=leaf)}")
        self.pool.setdefault(kind, []).append(name)
        return name

    def argument(self, name: str, kind: Kind) -> str:
        """The expression of an argument."""
        draw = self.draw
        if kind.name == "float":
            return draw.one("0.5", "1.5", "-2.0", "0.25")
        if kind.name == "int":
            return str(draw.one(2, 0, 1, 3, 5))
        if kind.name == "text":
            return draw.one('"a"', '"b"', '"c"')
        if kind.name == "flag":
            return draw.one("True", "False", "None")
        if kind.name == "tensors":
            vectors = [self.argument("", Kind("tensor", (3,))) for _ in range(draw.one(2, 2, 1, 3))]
            return f"[{', '.join(vectors)}]"
        if kind.name == "mapping":
            inner = self.argument("", Kind("tensor", (3,)))
            return f'{{"p": {inner}, "q": {self.argument("", Kind("tensor", (3,)))}}}'
        known = self.pool.get(kind, [])
        if known and draw.chance(0.5):
            return draw.one(*known)
        if kind.dtype == "int64" or draw.chance(0.35):
            return self.new_tensor(kind, leaf=self.gradients and name == "x" and draw.chance(0.7))
        return self.unusual(kind)

    def unusual(self, kind: Kind) -> str:
        """Tensors that are not plain new ones: results, outer tensors, views, other shapes, no contiguous memory."""
        draw = self.draw
        known = self.pool.get(kind) or [self.new_tensor(kind)]
        usual = draw.one(*known)
        choices = [draw.tensor(kind.shape), f"{usual} * -1.5", f"{usual} + 1.25"]
        if self.results:
            choices.append(f"first(r{draw.number(0, self.results - 1)}, {usual})")
        if kind.shape == (3,):
            base = self.pool.setdefault(Kind("base", (6,)), [])
            if not base:
                base.append(f"a{len(self.setup)}")
                self.setup.append(f"{base[0]} = {draw.tensor((6,))}")
            wide = base[0]
            choices += [
                f"{wide}[0:3]",
                f"{wide}[1:4]",
                f"{wide}[::2]",
                f"{wide}[3:]",
                "outer",
                "outer[:]",
                "box.weight",
            ]
            choices += ["weight", "box.items[0]", f"{usual}.view(3)", f"{usual}.detach()"]
            choices += [draw.tensor((4,)), f"{usual}.double()"] if draw.chance(0.3) else []
        if kind.shape == (2, 3):
            choices += [f"{draw.tensor((3, 2))}.t()", f"{usual}.flip(0)", f"{usual}[:]"]
            choices += [draw.tensor((3,)), draw.tensor((1, 3))] if draw.chance(0.3) else []
        return draw.one(*choices)

    def call(self, *, alike: bool) -> str:
        """A call of the function; one like that before has new values in tensors of the same kinds, all else equal."""
        if alike:
            fresh = [
                self.new_tensor(kind, leaf=self.gradients and name == "x") if kind.name == "tensor" else before
                for (name, kind), before in zip(self.parameters, self.arguments, strict=True)
            ]
            return f"f({', '.join(fresh)})"
        self.arguments = arguments = [self.argument(name, kind) for name, kind in self.parameters]
        tensors = [number for number, (_, kind) in enumerate(self.parameters) if kind.name == "tensor"]
        if len(tensors) > 1 and self.draw.chance(0.2):
            one, two = tensors[0], tensors[-1]
            if self.parameters[one][1] == self.parameters[two][1]:
                arguments[two] = arguments[one]
        named = [name for name, _ in self.parameters]
        texts = list(arguments)
        if len(texts) > 1 and self.draw.chance(0.1):
            texts[-1] = f"{named[-1]}={texts[-1]}"
        elif self.defaults and self.draw.chance(0.5):
            texts += [f"{name}={self.draw.one('1', '0', value)}" for name, value in self.defaults.items()]
        return f"f({', '.join(texts)})"

    # -- between calls -------------------------------------------------------------------------------------------------

    def between(self) -> None:
        """Something done between two calls."""
        draw = self.draw
        floats = [name for kind, names in self.pool.items() if kind.dtype == "float32" for name in names]
        result = f"r{draw.number(0, self.results - 1)}"
        any_float = draw.one(*floats) if floats else "outer"
        choices = [
            f"{any_float}.data.{draw.one('mul_(-1)', 'add_(0.5)', 'neg_()')}", "counter += 1", "scale = 0.5 - scale",
            "history.append(1.0)", 'table["k"] = 1.25', "box.scale = box.scale + 0.5", 'box.mode = "b"',
            f"outer = {draw.tensor((3,))}", "outer.mul_(-0.5)", f"outer[1] = {draw.constant()}",
            f"for t in tensors({result})[:1]: t.data.add_(1)", f"for t in tensors({result}): t.data.mul_(-1)",
            "box.weight = outer", "box.weight = box.weight * 0.5", "history.clear()", "table.clear()", "counter = 1.5",
            "outer, box.weight = box.weight, outer", f"{result} = None", "box.items.append(outer)", "tg.manual_seed(5)",
        ]  # fmt: skip
        if self.form == "factory":
            choices += ["p = peek()", f"reset({draw.one('3', '0', '1.5')})"]
        if self.gradients:
            choices += [
                f"g = back({result})",
                f"g = back(r{self.results - 1})",
                "weight.grad = None",
                "weight.data.mul_(0.5)",
            ]
            choices += [
                "g = weight.grad",
                f"{any_float}.grad = None",
                "weight.requires_grad_(not weight.requires_grad)",
            ]
            choices += ["tg.set_grad_enabled(not tg.is_grad_enabled())"] if draw.chance(0.3) else []
        self.step(draw.one(*choices))
