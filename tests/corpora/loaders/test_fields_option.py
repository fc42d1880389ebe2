from __future__ import annotations

import pytest

from assay.corpora.loaders.fields_option import read_fields
from assay.pipeline.errors import UsageError


def test_several_labels_can_be_named() -> None:
    assert read_fields("text=b,metadata=lang+authors.name") == {
        "text": ("b",),
        "metadata": ("lang", "authors.name"),
        "rows": "documents",
    }


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "which key holds the text"),
        ("title=name", "which key holds the text"),
        ("text", "found 'text'"),
        ("text=", "found 'text='"),
        ("txt=body", "did you mean 'text'"),
        ("text=a,text=b", "write text=a\\+b"),
        ("text=a,title=b+c", "'title': expected one path, found 2"),
    ],
)
def test_what_cannot_be_meant_is_refused(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_fields(typed)
