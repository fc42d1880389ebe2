"""Every index over vectors keeps what indexes promise."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.conformance.index import CHECKS
from tests.corpora.indexes.dense_subjects import SUBJECTS

FAISS = importlib.util.find_spec("faiss") is not None


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", SUBJECTS)
def test_the_dense_index_keeps_the_promise(kind: str, check: str, tmp_path: Path) -> None:
    if kind.startswith("faiss") and not FAISS:
        pytest.skip("needs faiss: pip install 'assay[embedded]'")
    CHECKS[check](SUBJECTS[kind], tmp_path)
