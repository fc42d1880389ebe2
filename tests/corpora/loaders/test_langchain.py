from __future__ import annotations

from collections.abc import Iterator
from datetime import date as Day
from datetime import datetime
from typing import Any

import pytest

from assay.corpora.loaders.langchain import loaded_of
from assay.corpora.loaders.loaded import Limits, Unreadable

documents = pytest.importorskip("langchain_core.documents")
loaders = pytest.importorskip("langchain_core.document_loaders")
Document = documents.Document


def test_the_documents_of_a_real_loader_come_with_place_id_and_labels() -> None:
    class Two(loaders.BaseLoader):  # type: ignore[name-defined, misc]
        def lazy_load(self) -> Iterator[Any]:
            yield Document(
                page_content="One.\n\nTwo.", id="k",
                metadata={"page": 2, "source": "a.pdf", "title": "T", "date": "2024-01-31", "score": 0.5, "x": None},
            )  # fmt: skip
            yield Document(page_content="Three.", metadata={"page_number": 7})

    first, second = loaded_of(Two().lazy_load())
    assert (first.text, first.id, first.title, first.date) == (
        "One.\n\nTwo.",
        "k",
        "T",
        Day(2024, 1, 31),
    )
    assert [dict(block.place) for block in first.blocks] == [{"page": 3}, {"page": 3}]
    assert first.metadata == {
        "page": 2,
        "source": "a.pdf",
        "title": "T",
        "date": "2024-01-31",
        "score": 0.5,
    }
    assert (second.id, second.blocks[0].place, first.problems + second.problems) == (
        "document-2",
        {"page": 7},
        (),
    )


def test_values_that_are_not_flat_are_said() -> None:
    metadata = {
        "tags": ["a"],
        "deep": {"a": 1},
        "at": datetime(2024, 1, 31, 10),
        "long": "x" * 2000,
        3: "ok",
    }
    (one,) = loaded_of([Document.model_construct(page_content="x", metadata=metadata, id=None)])
    assert one.metadata == {"at": "2024-01-31T10:00:00", "3": "ok"}
    assert [problem.split("'")[1] for problem in one.problems] == ["tags", "deep", "long"]


def test_documents_without_text_and_ids_given_twice_are_said() -> None:
    given = [Document(page_content=text, id="k") for text in ("a", "b", " \n")]
    first, second = loaded_of(given)
    assert (first.id, second.id) == ("k", "k~2")
    assert [
        "stands already" in second.problems[0],
        "document 3: has no text" in second.problems[1],
    ] == [True, True]


def test_a_long_text_is_cut_and_said() -> None:
    (one,) = loaded_of([Document(page_content="0123456789")], limits=Limits(characters=4))
    assert one.text == "0123" and "first 4 of 10" in one.problems[0]


def test_a_loader_that_fails_is_unreadable_with_its_reason() -> None:
    def failing() -> Iterator[Any]:
        yield Document(page_content="a")
        raise KeyError("no such page")

    given = loaded_of(failing())
    assert next(given).text == "a"
    with pytest.raises(Unreadable, match=r"document 2: .* KeyError: 'no such page'"):
        next(given)
