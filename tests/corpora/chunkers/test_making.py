from __future__ import annotations

import hashlib
from typing import get_args

import pytest

from assay.corpora.chunkers.making import REVISION, ChunkerName, make_chunker
from assay.corpora.passages import passages_of
from assay.pipeline.errors import UsageError
from tests.corpora.chunkers.documents import document, made, texts

ROWS = made(("paragraph", "a b c d."), ("table_row", "x"), ("table_row", "y"), ("table_row", "z"))


@pytest.mark.parametrize("name", get_args(ChunkerName))
def test_the_budget_is_that_of_the_count_that_is_given(name: ChunkerName) -> None:
    text = "aaaa bbbb. cccc dddd. eeee ffff."
    chunker = make_chunker(
        name,
        max_words=10,
        count=len,
        offsets=lambda part: [(place, place + 1) for place in range(len(part))],
    )
    found = texts(document(text), chunker.cut(document(text)))
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(len(one) <= 12 for one in found) and len(found) >= 3


def test_an_overlap_is_counted_in_what_the_chunker_cuts() -> None:
    text = "One two. Three four. Five six."
    found = {
        name: texts(document(text), make_chunker(name, max_words=4, overlap=1).cut(document(text)))
        for name in ("structure", "sentences", "tokens")
    }
    assert found["sentences"][1] == "Three four. Five six."
    assert found["structure"] == found["sentences"]
    assert found["tokens"] == ["One two. Three four.", "four. Five six."]
    assert texts(ROWS, make_chunker("rows").cut(ROWS)) == ["a b c d.", "x", "y", "z"]
    assert texts(ROWS, make_chunker("rows", overlap=1).cut(ROWS)) == ["a b c d.", "x\ny", "y\nz"]


def test_an_overlap_as_large_as_the_window_is_refused() -> None:
    with pytest.raises(UsageError, match="overlap of a chunker is 20"):
        make_chunker("tokens", max_words=20, overlap=20)


SAMPLE = """Top
***

Dr. Roe paid 3.50, e.g. in May. "it" rose! So:

  * one item. Two
  * an other item which goes on and on
    over two lines

Part
====

f(x, /)

   It is called with one value. It gives "None".

   Changed in version 3: It may raise an error, as any
   function of this kind may do, at all times.

+------+------+
| Name | Born |
|======|======|
| Ada  | 1815 |
+------+------+
| Alan | 1912 |
+------+------+

東京は大きい。京都も大きい。
https://example.org/a/path/that/is/longer/than/eighty/characters/and/is/one/word/all/the/same
"""


def test_what_is_cut_changes_only_with_the_revision() -> None:
    told = [
        (name, markup, overlap, one.title, one.text)
        for name in get_args(ChunkerName)
        for markup in ("plain", "markdown", "underlined")
        for overlap in (0, 1)
        for one in passages_of(
            document(SAMPLE, markup=markup), make_chunker(name, max_words=12, overlap=overlap)
        )
    ]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()[:16]
    assert (REVISION, digest) == (2, "56a56ffd52de12a2"), (
        "raise REVISION and write the new digest here"
    )
