"""One browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.evaluation.report.browser import NAMES, Browser, find_browser, running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip(f"no browser: ASSAY_BROWSER is not set and none of {', '.join(NAMES)} is here")
    with running(program) as found:
        yield found
