"""The report: one document that loads nothing and shows everything."""

import re
import shutil
import struct
import subprocess
import zlib
from html import escape
from pathlib import Path

import pytest

import tracegraph
from tests.report.conftest import Example
from tests.report.documents import Document
from tracegraph.report import html_report, measure, write_report
from tracegraph.report.source import functions
from tracegraph.trace import trace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMESPACE = "http://www.w3.org/2000/svg"
"""Names a language; nothing is loaded from there."""


def test_report_is_well_formed(example: Example) -> None:
    assert Document(html_report(example.traced)).mistakes == []


def test_report_loads_nothing(example: Example) -> None:
    html = html_report(example.traced)
    assert Document(html).loads == []
    assert re.findall(r"https?://[^\s\"'<]*", html.replace(NAMESPACE, "")) == []
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    assert "default-src 'none'" in html


def test_every_kernel_appears_with_its_source(example: Example) -> None:
    html = html_report(example.traced)
    identifiers = {attributes.get("id") for attributes in Document(html).all("details")}
    executable = example.traced.entries[0].executable
    names = [name for source in executable.sources for name, *_ in functions(source.text)]
    assert len(names) == executable.kernels + len(executable.sources)
    assert {f"kernel-{name}" for name in names} <= identifiers
    text = Document(html).text
    for source in executable.sources:
        for _, _, body, _ in functions(source.text):
            for line in body.splitlines():
                assert line in text


def test_every_stage_and_changed_pass_appears(example: Example) -> None:
    text = Document(html_report(example.traced)).text
    executable = example.traced.entries[0].executable
    assert str(executable.original) in text
    changed = [record for record in executable.records if record.changed]
    assert changed
    for record in changed:
        assert str(record.graph) in text


def test_every_guard_appears(example: Example) -> None:
    text = Document(html_report(example.traced)).text
    for guard in example.traced.explain().guards:
        assert guard.removesuffix(" (protected)") in text


def test_every_intermediate_has_a_block_with_its_bytes(example: Example) -> None:
    plan = example.traced.entries[0].executable.lowered.memory
    html = html_report(example.traced)
    assert plan.lifetimes
    blocks = [attributes for attributes in Document(html).all("rect") if attributes.get("class") == "block"]
    assert len(blocks) == len(plan.lifetimes)
    titles = Document(html).titles
    for life in plan.lifetimes:
        assert any(f"%{life.buffer.name}: {life.buffer.spec}" in title for title in titles)


def test_inputs_are_called_by_their_names(example: Example) -> None:
    assert {node.operation.label for node in example.traced.graph.inputs} == {"images", "truth", "first", "second"}  # type: ignore[attr-defined]
    assert "updates first" in Document(html_report(example.traced)).text


def test_plain_function_says_why(plain: Example) -> None:
    document = Document(html_report(plain.traced))
    assert document.mistakes == []
    assert "plain" in document.text
    for reason in plain.traced.explain().reasons:
        assert reason in document.text
    assert document.all("svg") == []


def test_names_are_escaped() -> None:
    def named(x: tracegraph.Tensor) -> tracegraph.Tensor:
        return x + 1

    named.__qualname__ = "<script>alert(1)</script>"
    traced = trace(named)
    traced(tracegraph.ones(2))
    html = html_report(traced)
    assert "<script>alert" not in html
    assert escape("<script>alert(1)</script>") in html
    assert Document(html).mistakes == []


def test_measure_calls_both_in_turns() -> None:
    calls: list[bool] = []

    def counted(x: tracegraph.Tensor) -> tracegraph.Tensor:
        return x * 2

    traced = trace(counted)
    x = tracegraph.ones(3)
    traced(x)
    plain = traced.function

    def noting(x: tracegraph.Tensor) -> tracegraph.Tensor:
        calls.append(True)
        return plain(x)

    traced.function = noting
    timings = measure(traced, (x,), seconds=0.02, rounds=3)
    assert calls
    assert timings.rounds >= 3
    assert timings.eager.seconds > 0
    assert timings.traced.seconds > 0
    assert timings.ratio == pytest.approx(timings.eager.seconds / timings.traced.seconds)
    assert timings.eager.python_calls > 0


def test_write_report_writes_and_measures(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "step.html"
    timings = write_report(example.traced, path, arguments=example.arguments, seconds=0.05)
    assert timings is not None
    assert "Time of a call" in Document(path.read_text(encoding="utf-8")).text


def test_plain_function_is_not_measured(plain: Example, tmp_path: Path) -> None:
    assert write_report(plain.traced, tmp_path / "p.html", arguments=plain.arguments, seconds=0.05) is None


def pixels(png: bytes) -> tuple[int, int, set[bytes]]:
    """Width, height and the different rows of an 8-bit PNG, as they are stored."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    channels = {2: 3, 6: 4}[colour]
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw = zlib.decompress(data)
    stride = width * channels + 1
    rows = {raw[number * stride : (number + 1) * stride] for number in range(height)}
    return width, height, rows


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_report_is_drawn_by_a_browser(example: Example, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(html_report(example.traced), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
    command = [CHROMIUM, *options, "--window-size=1000,1600", f"--screenshot={picture}", page.as_uri()]
    result = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}"], capture_output=True, text=True, timeout=120, check=False
    )
    assert picture.is_file(), result.stderr
    width, height, rows = pixels(picture.read_bytes())
    assert (width, height) == (1000, 1600)
    assert len(rows) > 200, "the picture is empty"
