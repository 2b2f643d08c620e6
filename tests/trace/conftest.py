"""Fixtures of the tests of `@trace`."""

import pytest

from tracegraph.trace.trial import Trial


@pytest.fixture
def matched_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Co-executed calls are matched whether or not the clock says that it pays."""
    monkeypatch.setattr(Trial, "choose", lambda self: True)
    monkeypatch.setattr(Trial, "took", lambda self, matched, seconds: None)
