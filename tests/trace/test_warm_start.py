"""A second process finds the programs of the first on disk; a damaged entry is compiled again."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import tracegraph as tg
from tracegraph.trace import trace
from tracegraph.autograd import backward

w = tg.tensor([1.0, 2.0], requires_grad=True)

@trace
def step(x):
    w.grad = None
    loss = ((x * w) ** 2).sum()
    backward(loss)
    return loss.detach(), w.grad

for _ in range(3):
    result = step(tg.tensor([3.0, 4.0]))
print(step.explain().origin, step.entries[0].hits, [value.tolist() for value in result])
"""


def run(cache: Path, project: Path) -> str:
    """What the program prints in a new process."""
    environment = {**os.environ, "TRACEGRAPH_CACHE_DIR": str(cache), "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_warm_start_and_damage(tmp_path: Path, project: Path) -> None:
    result = "2 [73.0, [18.0, 64.0]]"
    assert run(tmp_path, project) == f"compiled {result}"
    assert run(tmp_path, project) == f"disk {result}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    assert run(tmp_path, project) == f"compiled {result}"
    assert run(tmp_path, project) == f"disk {result}"
    for path in files:
        path.write_bytes(path.read_bytes()[:50])
    assert run(tmp_path, project) == f"compiled {result}"


def test_a_cache_that_cannot_be_written(tmp_path: Path, project: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert run(blocked, project) == "compiled 2 [73.0, [18.0, 64.0]]"
