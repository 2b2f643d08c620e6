"""The demo: a convolutional network learns handwritten digits, eagerly and traced, and everything is compared."""

from tracegraph.demo.demo import DemoOptions, DemoResult, run_demo
from tracegraph.demo.digits import Digits, load_digits
from tracegraph.demo.table import as_text, write_results
from tracegraph.vision.datasets.digits import DigitsMissingError

__all__ = [
    "DemoOptions",
    "DemoResult",
    "Digits",
    "DigitsMissingError",
    "as_text",
    "load_digits",
    "run_demo",
    "write_results",
]
