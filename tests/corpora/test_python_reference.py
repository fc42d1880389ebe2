from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assay.corpora.python_reference import load_python_reference
from assay.pipeline.errors import UsageError
from tests.corpora.doubles import LOCAL, ask, started


def test_the_reference_answers_a_question_about_python(tmp_path: Path) -> None:
    corpus = started(tmp_path, load_python_reference(scope=LOCAL))
    hits = corpus.search_bm25(ask("Which statement does nothing when it is executed?"), 5)
    assert "pass#0" in [hit.passage.id for hit in hits]


def test_a_python_without_topics_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(UsageError, match="pydoc_data"):
        load_python_reference(scope=LOCAL)
