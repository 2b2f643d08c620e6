"""The project's frame: what is packaged, where imports may go, and that everything can be imported by itself."""

import ast
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

import tracegraph

FOLDERS = {"tracegraph": "tracegraph", "compiler": "tracegraph/compiler", "runtime": "tracegraph/runtime"}
LIBRARIES = {"llvmlite", "networkx", "numba", "numpy"}
# Packages a user may have and the library must be able to do without.
OPTIONAL = [
    "PIL",
    "cupy",
    "expecttest",
    "hypothesis",
    "jax",
    "matplotlib",
    "mlxtend",
    "pandas",
    "pytest",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "tqdm",
]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "venv")

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None
package = importlib.import_module({package!r})
def failed(name):
    raise
for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=failed):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def library_files(project: Path) -> dict[str, Path]:
    """Every Python file of the library by its path in site-packages, each found once and in its real folder."""
    return {
        f"{installed}/{file.relative_to(project / folder).as_posix()}": file
        for folder, installed in FOLDERS.items()
        for parent, _, names in os.walk(project / folder)
        for file in (Path(parent, name) for name in names if name.endswith(".py"))
    }


def imported_modules(name: str, file: Path) -> set[str]:
    """The full names that a file's import statements mention, those under `if TYPE_CHECKING` left out.

    `name` is the file's path in site-packages; relative imports start from its folder.
    """
    package = PurePosixPath(name).parent.parts
    names: set[str] = set()
    pending: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            # The dot keeps `import tracegraph`, the facade, apart from its modules.
            names.update(f"{alias.name}." for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else ()
            source = ".".join([*parents, *([node.module] if node.module else [])])
            names.update(f"{source}.{alias.name}" for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))
    return names


@pytest.mark.parametrize("name", ["compiler", "runtime"])
def test_link_is_relative_and_points_to_the_real_folder(project: Path, name: str) -> None:
    link = project / "tracegraph" / name
    assert os.readlink(link) == f"../{name}"
    assert link.resolve() == project / name


def test_every_folder_with_code_is_a_package(project: Path) -> None:
    files = library_files(project)
    folders = {str(PurePosixPath(name).parent) for name in files}
    assert sorted(folder for folder in folders if f"{folder}/__init__.py" not in files) == []


def test_library_imports_only_its_dependencies(project: Path) -> None:
    allowed = LIBRARIES | {"tracegraph"} | set(sys.stdlib_module_names)
    optional_backend = {"cupy"}
    foreign = {
        (name, imported)
        for name, file in library_files(project).items()
        for imported in imported_modules(name, file)
        if imported.partition(".")[0] not in allowed | (optional_backend if "cuda" in name else set())
    }
    assert sorted(foreign) == []


@pytest.mark.parametrize(
    ("folder", "reachable"),
    [("compiler", {"compiler", "runtime"}), ("runtime", {"runtime"})],
    ids=["compiler", "runtime"],
)
def test_imports_go_one_way(project: Path, folder: str, reachable: set[str]) -> None:
    back = {
        (name, imported)
        for name, file in library_files(project).items()
        if name.startswith(FOLDERS[folder] + "/")
        for imported in imported_modules(name, file)
        if imported.startswith("tracegraph") and imported.split(".")[1] not in reachable
    }
    assert sorted(back) == []


@pytest.mark.parametrize("package", ["tracegraph", "benchmarks"])
def test_every_module_can_be_imported_without_optional_packages(project: Path, package: str) -> None:
    program = IMPORT_ALL.format(blocked=OPTIONAL, package=package)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "", "importing a module must print nothing"


def test_import_leaves_slow_packages_for_later(project: Path) -> None:
    slow = ["llvmlite", "matplotlib", "networkx", "numba", "torch"]
    program = f"import sys, tracegraph; print([name for name in {slow!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=project, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_version_is_the_one_of_the_changelog(project: Path) -> None:
    changelog = (project / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{tracegraph.__version__}]" in changelog


def test_dependencies_are_the_four_declared(project: Path) -> None:
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {requirement.partition(">=")[0] for requirement in settings["project"]["dependencies"]}
    assert declared == LIBRARIES


def build(source: Path, kind: str, into: Path) -> Path:
    """Build a wheel or an sdist of the folder with the setuptools of this environment, as a frontend would."""
    into.mkdir()
    program = f"from setuptools import build_meta; build_meta.build_{kind}({str(into)!r})"
    result = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (built,) = into.iterdir()
    return built


def wheel_members(wheel: Path) -> list[str]:
    """The files in a wheel, each as often as it is in there."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.slow
def test_wheel_holds_each_file_of_the_library_once(project: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(project, checkout, symlinks=True, ignore=NOT_COPIED)
    wheel = build(checkout, "wheel", tmp_path / "direct")
    members = wheel_members(wheel)
    code = [name for name in members if ".dist-info/" not in name]
    assert Counter(code) == Counter([*library_files(project), "tracegraph/py.typed"])

    sdist = build(checkout, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build(unpacked, "wheel", tmp_path / "from_sdist")
    assert again.name == wheel.name
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        for name in code:
            assert first.read(name) == second.read(name), name
