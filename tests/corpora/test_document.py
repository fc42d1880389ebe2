from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest

from assay.corpora.block import Block
from assay.corpora.document import Document
from assay.pipeline.words import Scope

ONE = Document("d", "e\u0301 text", Scope("t", ("a",)), metadata={"n": 1})
OTHERS: dict[str, object] = {
    "id": "e",
    "text": "\u00e9 text",  # the same to a reader, other offsets
    "scope": Scope("t", ("b",)),
    "title": "T",
    "date": date(2024, 1, 2),
    "metadata": {"n": True},
    "markup": "markdown",
    "source": "s",
    "tier": "s",
    "whole": True,
    "blocks": (Block(0, 2, "code"),),
}


def test_every_field_is_tried() -> None:
    assert OTHERS.keys() == {one.name for one in fields(Document)}


@pytest.mark.parametrize("name", OTHERS)
def test_a_change_of_any_field_changes_the_digest(name: str) -> None:
    changed = replace(ONE, **{name: OTHERS[name]})  # type: ignore[arg-type]
    assert changed.digest != ONE.digest == replace(ONE).digest


def test_the_order_of_labels_is_nothing() -> None:
    one: dict[str, str | int | float | bool] = {"a": 1, "b": "x"}
    other = dict(reversed(one.items()))
    assert replace(ONE, metadata=one).digest == replace(ONE, metadata=other).digest
