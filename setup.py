"""Finds the packages: tracegraph/, and compiler/ and runtime/ beside it as tracegraph.compiler and tracegraph.runtime.

All else stands in pyproject.toml, which cannot say that a folder tree belongs under another name. The links
tracegraph/compiler and tracegraph/runtime serve tools that read the tree; the build does not need them.
"""

from setuptools import find_packages, setup

FOLDERS = {"tracegraph": "tracegraph", "tracegraph.compiler": "compiler", "tracegraph.runtime": "runtime"}
LINKS = ["compiler", "compiler.*", "runtime", "runtime.*"]

setup(
    package_dir=FOLDERS,
    packages=[
        *FOLDERS,
        *(
            f"{package}.{subpackage}"
            for package, folder in FOLDERS.items()
            for subpackage in find_packages(folder, exclude=LINKS if package == "tracegraph" else [])
        ),
    ],
)
