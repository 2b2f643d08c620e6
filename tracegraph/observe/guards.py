"""The conditions under which what a run read is unchanged, as one generated function that checks them quickly."""

import abc
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tracegraph.observe.arguments import ArgumentPlan
from tracegraph.observe.comparison import describe

_LINES_PER_STATEMENT: Final = 64

Check = Callable[[tuple[Any, ...], Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition: `check` and `current` are expressions over the names of the generated code."""

    check: str
    current: str
    subject: str
    was: str
    protected: bool = False


class Guards:
    """The conditions under which what a run read is unchanged.

    Objects are compared by identity, immutables by type and value. Arguments that are compared by identity are held
    weakly where they allow it; `alive` turns False when one is gone, and the guards can then never hold again.
    """

    def __init__(self, guards: list[Guard], constants: dict[str, Any], plan: ArgumentPlan) -> None:
        self._guards = guards
        self._constants = constants
        self._plan = plan

    @functools.cached_property
    def source(self) -> str:
        """The generated code."""
        fast = [guard for guard in self._guards if not guard.protected]
        slow = [guard for guard in self._guards if guard.protected]
        return _source("check_fast", self._plan, fast) + "\n" + _source("check_protected", self._plan, slow)

    @functools.cached_property
    def check_fast(self) -> Check:
        """Tells of a call's arguments whether the guards hold that have to be checked on every call."""
        return self._compiled("check_fast")

    @functools.cached_property
    def check_protected(self) -> Check:
        """Tells the same of the guards that hold as long as the library's epoch stands still."""
        return self._compiled("check_protected")

    def _compiled(self, name: str) -> Check:
        # Made when first asked for: the guards of a call that has to run plain are of no use.
        if name not in self._constants:
            exec(compile(self.source, "<guards>", "exec"), self._constants)
        return self._constants[name]  # type: ignore[no-any-return]

    def accept_registry(self) -> None:
        """Take the registry of abstract base classes as it is now: the caller has imported modules since the run."""
        self._constants["registry"] = abc.get_cache_token()

    def __len__(self) -> int:
        return len(self._guards)

    @property
    def structural_arguments(self) -> set[int]:
        """Ids of the argument containers of the observed call that are compared by structure."""
        return self._plan.structural

    @property
    def argument_values(self) -> dict[str, str]:
        """In words the immutable values among the arguments, by the expressions that reach them."""
        return self._plan.values

    @property
    def alive(self) -> bool:
        """False when an argument that the guards ask for no longer exists."""
        return all(reference() is not None for reference in self._plan.references)

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Tell whether everything that was read is as it was."""
        return self.check_fast(args, kwargs) and self.check_protected(args, kwargs)

    def first_failure(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """Say in words which read has changed, None where all hold."""
        if len(args) != self._plan.positional or len(kwargs) != self._plan.keywords:
            return "the number of arguments changed"
        local = {"args": args, "kwargs": kwargs}
        for guard in self._guards:
            try:
                if eval(guard.check, self._constants, local):
                    continue
                now = describe(eval(guard.current, self._constants, local))
            except (LookupError, AttributeError, TypeError, ValueError, NameError):
                now = "missing"
            return f"{guard.subject} was {guard.was}, now {now}"
        return None

    def describe(self) -> list[str]:
        """List the guards in words, in the order they are checked."""
        return [f"{guard.subject} is {guard.was}{' (protected)' if guard.protected else ''}" for guard in self._guards]


def _source(name: str, plan: ArgumentPlan, guards: list[Guard]) -> str:
    lines = [f"def {name}(args, kwargs):", "    try:"]
    if name == "check_fast":
        lines.append(f"        if len(args) != {plan.positional} or len(kwargs) != {plan.keywords}: return False")
    if not guards and name != "check_fast":
        return f"def {name}(args, kwargs):\n    return True\n"
    if name == "check_protected":  # the others have their variables from the guards of the arguments
        lines += [f"        {variable} = {expression}" for variable, expression in plan.variables.items()]
    for start in range(0, len(guards), _LINES_PER_STATEMENT):
        checks = [guard.check for guard in guards[start : start + _LINES_PER_STATEMENT]]
        lines.append("        if not (" + "\n            and ".join(checks) + "): return False")
    lines += [
        "    except (LookupError, AttributeError, TypeError, ValueError):",
        "        return False",
        "    return True",
    ]
    return "\n".join(lines) + "\n"
