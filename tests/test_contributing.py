"""Does what docs/contributing.md says: one new file in compiler/ops is a whole new operation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import numpy as np
import tracegraph
from tracegraph.compiler.ops.base import OPERATIONS

assert "cube_root" in OPERATIONS
x = tracegraph.tensor([1.0, 8.0, 27.0], requires_grad=True)
assert np.allclose(x.cbrt().detach().numpy(), [1, 2, 3])
tracegraph.cbrt(x).sum().backward()
assert np.allclose(x.grad.numpy(), [1 / 3, 1 / 12, 1 / 27])
y = tracegraph.tensor([8])
assert y.cbrt().dtype == tracegraph.float32
z = tracegraph.tensor([64.0])
assert z.cbrt_() is z and z.item() == 4.0

@tracegraph.trace
def twice(x):
    return x.cbrt().cbrt()

data = tracegraph.tensor(np.linspace(-9, 9, 1000, dtype=np.float32))
first, second = twice(data), twice(data)
assert np.allclose(first.numpy(), second.numpy(), rtol=1e-6)
assert "cbrt_f32" in twice.source() and not twice.explain().host_steps
print("one file")
"""


@pytest.mark.slow
def test_the_worked_example_is_a_whole_operation(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    block = re.search(r'```python no-run\n("""Roots.*?)```', page, re.DOTALL)
    assert block is not None
    for folder in ("tracegraph", "compiler", "runtime"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ignored)
    (tmp_path / "compiler" / "ops" / "roots.py").write_text(block[1], encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "one file\n"
