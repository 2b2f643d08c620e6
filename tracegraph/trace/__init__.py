"""Recording and replay: `trace`, what a traced function is, and how it explains itself."""

from tracegraph.trace.compile_like import compile
from tracegraph.trace.explain import Explanation
from tracegraph.trace.function import TracedFunction, trace

__all__ = ["Explanation", "TracedFunction", "compile", "trace"]
