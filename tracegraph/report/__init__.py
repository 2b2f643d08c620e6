"""HTML reports about traced functions: `write_report(traced, "report.html", arguments=(x, y))`."""

from tracegraph.report.report import html_report, write_report
from tracegraph.report.timing import Timings, measure

__all__ = ["Timings", "html_report", "measure", "write_report"]
