"""Questions find their evidence: by quote, across a border of passages, by page, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.corpora.labelled_questions import RawQuestion
from assay.corpora.local import LocalCorpus
from assay.evaluation.building.library import read_library
from assay.evaluation.building.locating import Located, located
from assay.evaluation.building.questions import dataset_of
from assay.evaluation.building.quotes import locate, stands_at
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Passage, Scope
from tests.corpora.doubles import document, started

LONG = " ".join(f"Sentence number {n} of the long report ends here." for n in range(40))


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[LocalCorpus]:
    made = started(
        tmp_path / "index",
        [
            document("a/loans.pdf#page=1", "Books are lent for three weeks — “no longer”.",
                     title="Rules › Loans", metadata={"file": "a/loans.pdf", "page": 1}),
            document("a/loans.pdf#page=2", "Atlases are never lent.",
                     title="Rules › Atlases", metadata={"file": "a/loans.pdf", "page": 2}),
            document("b/loans.pdf", "Films are lent for one night.", metadata={"file": "b/loans.pdf"}),
            document("copy.txt", "Atlases are never lent.", title="Rules › Atlases"),
            document("long.txt", LONG),
            document("board.txt", "The board meets on Mondays.", scope=Scope("local", ("board",))),
        ],
        max_words=60,
    )  # fmt: skip
    yield made
    made.close()


def look(corpus: LocalCorpus, **fields: object) -> Located:
    library = read_library(corpus, "local", roles=["board"])
    return located(RawQuestion("q", "Q?", ("x",), **fields), library, "local")  # type: ignore[arg-type]


def test_a_quote_is_found_with_other_spaces_case_marks_and_dashes(corpus: LocalCorpus) -> None:
    found = look(corpus, evidence=('books  are lent for three weeks - "No longer".',))
    (span,) = found.spans
    assert span.text == "Books are lent for three weeks — “no longer"
    assert found.grades == {"a/loans.pdf#page=1#0": 1} and found.level == "quote"
    assert found.query.meta["gold_passages"] == [["a/loans.pdf#page=1#0"]]


def test_a_quote_cut_by_a_border_makes_both_passages_relevant(corpus: LocalCorpus) -> None:
    passages = [
        one for one in read_library(corpus, "local").passages if one.document_id == "long.txt"
    ]
    assert len(passages) > 2
    border = passages[1].start
    quote = LONG[border - 30 : border + 30].strip()
    found = look(corpus, evidence=(quote,))
    assert found.query.meta["gold_passages"] == [[passages[0].id, passages[1].id]]
    assert "".join(one.text for one in found.spans).replace(" ", "") == quote.replace(" ", "")


def test_two_quotes_need_a_passage_each_and_either_copy_will_do(corpus: LocalCorpus) -> None:
    found = look(corpus, evidence=("Atlases are never lent", "lent for one night"))
    sets = found.query.meta["gold_passages"]
    assert all(len(one) == 2 and one[1] == "b/loans.pdf#0" for one in sets)


def test_a_page_a_section_and_a_document_are_judged_as_a_whole(corpus: LocalCorpus) -> None:
    page = look(corpus, documents=("a/loans.pdf",), page="p. 2")
    assert (page.level, len(page.grades)) == ("page", 1)
    section = look(corpus, documents=("A\\LOANS.PDF",), section="loans")
    assert (section.level, set(section.grades)) == ("section", {"a/loans.pdf#page=1#0"})
    whole = look(corpus, documents=("long",))
    assert whole.level == "document" and len(whole.grades) > 2
    assert whole.query.meta["judged"] == "document"


def test_a_document_whose_passage_is_merged_with_a_copy_has_the_passage_that_stands_for_it(
    corpus: LocalCorpus,
) -> None:
    assert len(look(corpus, documents=("copy.txt",)).grades) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "it names neither a quote nor a document"),
        ({"documents": ("loan.pdf",)}, "no document 'loan.pdf'; did you mean 'loans.pdf'?"),
        ({"documents": ("loans.pdf",)}, "'loans.pdf' may be any of a/loans.pdf, b/loans.pdf"),
        ({"evidence": ("nothing of the kind",)}, "stands in no document"),
        ({"evidence": ("The board meets",)}, "where the question's roles may not read"),
    ],
)
def test_what_is_not_found_says_why(
    corpus: LocalCorpus, fields: dict[str, object], reason: str
) -> None:
    found = look(corpus, **fields)
    assert reason in found.reason and reason in found.query.meta["unlocated"]
    assert not found.grades


def test_a_role_of_the_question_opens_its_passages(corpus: LocalCorpus) -> None:
    found = look(corpus, evidence=("The board meets",), meta={"roles": ["board"]})
    assert list(found.grades) == ["board.txt#0"]


def test_a_table_becomes_a_set_over_the_corpus_that_says_what_it_lacks(
    corpus: LocalCorpus, tmp_path: Path
) -> None:
    table = tmp_path / "asked.csv"
    table.write_text(
        "question,answer,document,quote\n"
        "How long?,three weeks,,Books are lent for three weeks\n"
        "How long for films?,one night,b/loans.pdf,\n"
        "Lost?,x,gone.pdf,\n"
        "Untold?,,,\n"
    )
    made = dataset_of(table, corpus, "local")
    assert made.name == "asked" and [one.answerable for one in made.queries] == [
        True,
        True,
        True,
        False,
    ]
    assert len(made.qrels) == 2 and len(made.spans) == 1
    known = {one.id: one for one in made.documents}
    for span in (one for spans in made.spans.values() for one in spans):
        assert known[span.document_id].text[span.start : span.end] == span.text
    notices = made.info["notices"]
    assert any(
        "Of 1 of 4 questions no evidence was found" in one and "gone.pdf" in one for one in notices
    )
    assert any("every passage of that page, section or document counts" in one for one in notices)
    assert made.info["judged"] == {"quote": 1, "document": 1, "nothing": 1, "unanswerable": 1}


def test_an_unknown_tenant_is_the_callers_mistake(corpus: LocalCorpus) -> None:
    with pytest.raises(UsageError, match="no document of tenant 'other'"):
        read_library(corpus, "other")


def test_an_empty_quote_stands_nowhere() -> None:
    passage = Passage("p", "d", "Some words.", Scope("local"))
    assert locate("  ", "d", [passage]) == []
    assert stands_at("", "text") is None and stands_at("“.”", "text", loosely=True) is None
