"""The page of operations is what the library says of itself."""

import pytest

from tests.operations_table import PAGE, page


@pytest.mark.slow
def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.operations_table"
