"""Runs the examples in the docstrings of every module of the library."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import tracegraph

MODULES = sorted(
    ["tracegraph"]
    + [
        module.name
        for module in pkgutil.walk_packages(tracegraph.__path__, "tracegraph.")
        if not module.name.endswith("__main__")
    ]
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    names = {**vars(module), "tracegraph": tracegraph, "np": np}
    failures: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs=names):
        runner.run(example, out=failures.append)
    assert not failures, "".join(failures)
