"""`tracegraph info`: versions, processor, threads, BLAS and cache: what a report of a problem should begin with."""

import argparse
import importlib.metadata
import platform
import textwrap
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tracegraph._version import __version__
from tracegraph.cli.console import say
from tracegraph.report.markup import count, in_bytes
from tracegraph.runtime import cache_info, get_num_threads
from tracegraph.runtime.native.blas_library import find_blas
from tracegraph.runtime.native.machine import host_features

_NOTED = ("avx", "avx2", "avx512f", "fma", "f16c", "bmi2", "sse4.2", "amx-tile", "neon", "sve", "fp-armv8")
"""Features of the processor that kernels profit from; all are listed with --all."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "info", help="versions, processor, threads, BLAS, cache",
        description="Says what tracegraph runs on. Put it into reports of problems.",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="list all features of the processor")
    parser.set_defaults(command=run)


def features() -> list[str]:
    """The features of the processor that are there, by LLVM's names."""
    return [name[1:] for name in host_features().split(",") if name.startswith("+")]


def blas() -> str:
    """The BLAS that compiled programs call."""
    found = find_blas()
    if found is None:
        return "not found: NumPy computes matrix products"
    configuration: Any = np.show_config(mode="dicts")
    library: dict[str, str] = configuration["Build Dependencies"].get("blas", {})
    return f"{library.get('name', 'unknown')} {library.get('version', '')}, NumPy's, {found.integer_bits}-bit integers"


def facts(*, every_feature: bool = False) -> list[tuple[str, str]]:
    """What there is to say, with titles."""
    cache = cache_info()
    known = features()
    shown = known if every_feature else [name for name in known if name in _NOTED]
    versions = [(name, importlib.metadata.version(name)) for name in ("numpy", "numba", "llvmlite", "networkx")]
    return [
        ("tracegraph", __version__),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        *versions,
        ("platform", platform.platform()),
        ("processor", llvm.get_host_cpu_name()),
        ("features", " ".join(shown) or "none known"),
        ("threads", str(get_num_threads())),
        ("blas", blas()),
        ("cuda", "not in this build"),
        ("cache", f"{cache.directory}: {count(cache.entries, 'program')}, {in_bytes(cache.bytes)}"),
    ]


def run(options: argparse.Namespace) -> int:
    """Print the facts."""
    for title, text in facts(every_feature=options.all):
        lines = textwrap.wrap(text, 96, break_long_words=False) or [""]
        say(f"{title:12}{lines[0]}")
        for line in lines[1:]:
            say(f"{'':12}{line}")
    return 0
