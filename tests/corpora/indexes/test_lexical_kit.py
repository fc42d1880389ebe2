from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.index import CHECKS
from tests.corpora.indexes.lexical_subjects import SUBJECTS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", SUBJECTS)
def test_the_lexical_index_keeps_the_promise(kind: str, check: str, tmp_path: Path) -> None:
    CHECKS[check](SUBJECTS[kind], tmp_path)
