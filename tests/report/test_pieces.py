"""The pieces of reports: markup, charts, highlighted source, colours."""

import ast
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.conftest import Example
from tests.report.documents import Document
from tracegraph.compiler.ir.description import FILL
from tracegraph.report.charts import bars, line_chart, ticks
from tracegraph.report.markup import Markup, element, in_bytes, in_time, joined
from tracegraph.report.source import functions, highlighted
from tracegraph.report.theme import dark
from tracegraph.trace.looking import buffer_titles, facts

SOURCE = '''"""Module."""

import os


@kernel
def first(lo, hi):
    """Adds; here."""
    for i in range(lo, hi):  # a < b
        x = "<b>" + 'y' * 12


@program
def main(table):
    return 0
'''


def plain_text(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r'<span class="ln">\d+</span>', "", markup)))


def test_highlighting_changes_no_character() -> None:
    assert plain_text(highlighted(SOURCE)) == SOURCE.rstrip("\n")


def test_highlighting_marks_words_strings_numbers_and_comments() -> None:
    html = highlighted(SOURCE)
    for style, text in (
        ("kw", "def"),
        ("de", "kernel"),
        ("nu", "12"),
        ("co", "# a &lt; b"),
        ("st", "&quot;&lt;b&gt;&quot;"),
    ):
        assert f'<span class="{style}">{text}</span>' in html


def test_what_is_not_python_is_escaped() -> None:
    assert highlighted("(<unclosed") == "(&lt;unclosed"


def test_functions_are_found_with_decorators_and_titles() -> None:
    (first, title, text, line), (last, *_) = functions(SOURCE)
    assert (first, title, line, last) == ("first", "Adds; here.", 6, "main")
    assert text.startswith("@kernel\ndef first")
    assert len(ast.parse(text).body) == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_lie_inside_and_are_few(low: float, span: float, most: int) -> None:
    found = ticks(low, low + span, most)
    assert len(found) <= most + 1
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)
    assert found == sorted(set(found))


def test_line_chart_draws_each_series_and_skips_what_is_not_finite() -> None:
    chart = line_chart({"a<b": [1.0, 2.0, float("nan"), 0.5], "c": [1.0]}, x_label="step", y_label="loss")
    document = Document(chart)
    assert document.mistakes == []
    assert "a<b" in document.text
    assert "nan" not in chart
    lines = [path for path in document.all("path") if path.get("fill") == "none"]
    assert len(lines) == 2


def test_bars_are_in_proportion() -> None:
    widths = re.findall(r"width:([\d.]+)%", bars([("x", 2.0, "2", False), ("y", 1.0, "1", True)]))
    assert widths == ["100.00", "50.00"]


def test_elements_escape_text_and_attributes() -> None:
    assert element("p", "<&", title='"<') == '<p title="&quot;&lt;">&lt;&amp;</p>'
    assert element("p", Markup("<b>x</b>"), open=True, id=None) == "<p open><b>x</b></p>"
    assert joined("a", [Markup("<i>"), None], 3) == "a<i>3"


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**30, "3.00 GiB")])
def test_bytes(value: int, text: str) -> None:
    assert in_bytes(value) == text


@pytest.mark.parametrize(("value", "text"), [(9.99e-4, "999 µs"), (1e-3, "1.00 ms"), (60.0, "60.0 s")])
def test_times(value: float, text: str) -> None:
    assert in_time(value) == text


@pytest.mark.parametrize("colour", sorted(set(FILL.values())))
def test_dark_colours_are_dark(colour: str) -> None:
    assert re.fullmatch("#[0-9a-f]{6}", dark(colour))
    assert max(int(dark(colour)[at : at + 2], 16) for at in (1, 3, 5)) < 100


def test_facts_tell_kernel_and_memory(example: Example) -> None:
    executable = example.traced.entries[0].executable
    told = facts(executable)
    lowered = executable.lowered
    for number, step in enumerate(lowered.steps):
        for node in step.nodes:
            assert told[node]["step"] == number
    offsets = lowered.memory.offsets
    for node, buffer in lowered.buffers.items():
        if buffer in offsets and node in told:
            assert told[node]["offset"] == offsets[buffer]
            assert told[node]["bytes"] == buffer.spec.nbytes
    assert all(buffer in buffer_titles(executable) for buffer in offsets)


def test_exports_tell_the_facts(example: Example) -> None:
    made = example.traced.to_networkx()
    groups = {data["group"] for _, data in made.nodes(data=True) if "group" in data}
    names = {step.kernel.name for step in example.traced.entries[0].executable.lowered.steps if hasattr(step, "kernel")}
    assert names <= groups
    assert "subgraph cluster_" in example.traced.to_dot()
    assert "subgraph cluster_" not in example.traced.to_dot(stage="recorded")
    assert made.number_of_nodes() == len(example.traced.stages()["scheduled"].nodes)


def test_notebooks_get_html_and_svg(example: Example, plain: Example) -> None:
    html = example.traced._repr_html_()
    assert "<svg" in html
    assert Document(html).mistakes == []
    assert "<svg" not in plain.traced._repr_html_()
    assert example.traced.graph._repr_svg_().startswith("<svg")


def test_unknown_stage_lists_those_there_are(example: Example) -> None:
    with pytest.raises(ValueError, match="recorded"):
        example.traced.to_dot(stage="nonsense")
