"""The tracers that `python -m benchmarks soundness` judges, and the process in which one of them runs programs."""

import functools
import importlib
import importlib.util
import inspect
import os
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tests.soundness.corpus import Program, load
from tests.soundness.runner import Judgement, judge
from tests.soundness.tracing import report

TRACE, COMPILE, JIT_TRACE = "tracegraph", "torch.compile", "torch.jit.trace"
TRACERS = (TRACE, COMPILE, JIT_TRACE)


def is_installed(tracer: str) -> bool:
    """Whether a tracer's library is there."""
    return importlib.util.find_spec(tracer.partition(".")[0]) is not None


class JitTraced:
    """A function that `torch.jit.trace` traces when it is first called, with that call's arguments as examples."""

    def __init__(self, function: Callable[..., Any], torch: Any) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self._torch = function, torch
        self._traced: Any = None
        self._bound: weakref.WeakKeyDictionary[Any, JitTraced] = weakref.WeakKeyDictionary()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            # Examples are either all positional or all named.
            bound = inspect.signature(self.function).bind(*args, **kwargs)
            args, kwargs = (), dict(bound.arguments)
        if self._traced is None:
            examples = {"example_kwarg_inputs": kwargs} if kwargs else {"example_inputs": args}
            self._traced = self._torch.jit.trace(self.function, **examples)
        return self._traced(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The traced method of one object: what its user would trace."""
        if instance is None:
            return self
        if instance not in self._bound:
            self._bound[instance] = JitTraced(self.function.__get__(instance), self._torch)
        return self._bound[instance]


def judge_with(tracer: str, program: Program, backend: str) -> dict[str, Any]:
    """How a tracer does on a program, as `--json` writes it.

    The peers' exceptions are compared by class alone: they may say the same in other words.
    """
    if tracer == TRACE:
        found = report(program)
        return {**_record(found.judgement), "verdict": found.verdict, "replays": found.replays}
    torch = importlib.import_module("torch")
    if tracer == COMPILE:
        torch._dynamo.reset()
        return _record(judge(program, torch, functools.partial(torch.compile, backend=backend), texts=False))
    return _record(judge(program, torch, functools.partial(JitTraced, torch=torch), texts=False))


def _record(judgement: Judgement) -> dict[str, Any]:
    why = "" if judgement.why is None else f"step {judgement.step}, {judgement.why}"
    return {"status": judgement.status, "why": " ".join(why.split())}


def serve(tracer: str, backend: str, connection: Connection) -> None:
    """Judge programs by name until the other side closes; what a library writes by itself goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    programs = load()
    while True:
        try:
            name = connection.recv()
        except EOFError:
            return
        connection.send(judge_with(tracer, programs[name], backend))
