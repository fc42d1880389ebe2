"""Model files for tests: the user's cache, or a skip that says what is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.models.files.store import default_store
from assay.pipeline.errors import ModelError


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "models: needs model files in the cache")


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """A function that gives a key back, or skips where the cache lacks the model."""

    def check(key: str) -> str:
        try:
            default_store().locate(key)
        except ModelError as error:
            pytest.skip(str(error))
        return key

    return check
