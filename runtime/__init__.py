"""Arrays, kernels, programs: what runs; it knows no graph."""

from tracegraph.runtime.buffers import OutputPool, Workspace, Workspaces, address_of, aligned_empty
from tracegraph.runtime.cache import CacheInfo, cache_info, clear_cache
from tracegraph.runtime.native.python_entry import EntrySpec
from tracegraph.runtime.native.threads import get_num_threads, set_num_threads
from tracegraph.runtime.philox import philox4x32
from tracegraph.runtime.program import Program, load_program
from tracegraph.runtime.walker import FAILED, UNSEEN, Walker, WalkNode

__all__ = [
    "FAILED",
    "UNSEEN",
    "CacheInfo",
    "EntrySpec",
    "OutputPool",
    "Program",
    "WalkNode",
    "Walker",
    "Workspace",
    "Workspaces",
    "address_of",
    "aligned_empty",
    "cache_info",
    "clear_cache",
    "get_num_threads",
    "load_program",
    "philox4x32",
    "set_num_threads",
]
