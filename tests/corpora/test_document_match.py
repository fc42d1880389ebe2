from __future__ import annotations

from datetime import date as Day

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import Analyzer
from assay.corpora.document_match import Match, asked_of, facts_of, match, may_match
from assay.corpora.times import Span
from assay.pipeline.words import Scalar

TERMS = Analyzer().terms
RARITY = {"acme": 4.0, "bolt": 2.0, "report": 1.0, "profit": 3.0, "corp": 2.0, "annual": 0.5}


def compared(question: str, **labels: Scalar) -> Match:
    asked, facts = asked_of(question, TERMS), facts_of(labels, TERMS)
    return match(asked, facts, dict.fromkeys(asked.terms | facts.title, 1.0) | RARITY)


def test_a_question_is_read_for_terms_names_and_times() -> None:
    asked = asked_of("What was the profit of Acme's bolts in Q1 2021?", TERMS)
    assert asked.terms == {"profit", "acme", "bolts"}
    assert asked.names == {"acme"}
    assert asked.times == (Span.months(2021, 1, 3),)


def test_a_document_is_read_for_title_id_labels_and_times() -> None:
    facts = facts_of(
        {
            "title": "Acme Corp report 2019",
            "document": "sec/ACME_2020-03-01_10K.pdf",
            "company": "Acme",
            "fiscal_year": 2021,
            "pages": 2022,
            "audited": True,
            "date": "2023-02-01",
        },
        TERMS,
    )
    assert facts.title == {"acme", "corp", "report"}
    assert facts.others == {"sec", "acme", "10k", "pdf"}
    march = Span(Day(2020, 3, 1), Day(2020, 3, 1))
    assert facts.times == (Span.year(2019), march, Span.year(2021))
    assert facts.date == Day(2023, 2, 1)


def test_a_title_counts_by_the_share_that_is_said_and_by_how_rare_that_is() -> None:
    # said: acme 4 of acme 4 + corp 2 + report 1; the question's rarest term is acme
    assert compared("profit of Acme", title="Acme Corp report").title == pytest.approx(4 / 7)
    # said: report 1 of annual 1/2 + report 1; a quarter as rare as acme
    assert compared("report of Acme", title="Annual report").title == pytest.approx(1 / 1.5 / 4)
    assert compared("profit of Acme", title="Acme").title == 1.0
    assert compared("profit of Acme", title="Annual report").title == 0.0
    assert compared("profit of Acme").title == 0.0


def test_names_count_wherever_the_document_says_them() -> None:
    question = "profit of Acme Bolt"
    assert compared(question, document="acme-bolt").names == 1.0
    assert compared(question, title="Acme", company="Bolt").names == 1.0
    assert compared(question, title="Acme").names == pytest.approx(4 / 6)
    assert compared(question, title="profit").names == 0.0
    assert compared("profit of acme", title="Acme").names == 0.0, "no name is said"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"title": "Report 2021"}, 1.0),
        ({"fiscal_year": 2021}, 1.0),
        ({"document": "acme_2021q3.pdf"}, (1 + 92 / 365) / 2),
        ({"title": "Report 2019"}, -1.0),
        ({"title": "2019", "period": "2021"}, 1.0),
        ({"title": "Report 2019", "date": "2021-05-01"}, -1.0),
        ({"date": "2021-05-01"}, 1.0),
        ({"date": "2022-02-01"}, 0.5),
        ({"date": "2023-02-01"}, 0.0),
        ({"date": "2020-12-31"}, -1.0),
        ({"title": "Report"}, 0.0),
    ],
)
def test_another_time_counts_against_a_document(labels: dict[str, Scalar], expected: float) -> None:
    assert compared("profit in 2021", **labels).dates == pytest.approx(expected)


def test_several_times_are_each_looked_for() -> None:
    assert compared("profit in 2020 and 2021", title="2020").dates == pytest.approx(0.0)
    assert compared("profit in 2020 and 2021", title="2020, 2021").dates == pytest.approx(1.0)
    assert compared("profit", title="2020").dates == 0.0


def test_the_quick_look_finds_folded_words_and_years() -> None:
    asked = asked_of("companies in 2021", Analyzer(stemmer="english").terms)
    assert may_match(asked, {"title": "The company"})
    assert may_match(asked, {"year": 2021})
    assert may_match(asked, {"date": "2022-03-01"})
    assert not may_match(asked, {"title": "The shop", "year": 2019})


WORDS = st.lists(
    st.sampled_from(["Acme", "Bolt", "report", "the", "2019", "2021", "x"]), max_size=6
)


@given(WORDS, WORDS, WORDS)
def test_signals_stay_in_their_ranges_and_what_is_named_passes_the_quick_look(
    question: list[str], title: list[str], label: list[str]
) -> None:
    labels: dict[str, Scalar] = {"title": " ".join(title), "document": "_".join(label)}
    found = compared(" ".join(question), **labels)
    assert 0 <= found.title <= 1
    assert 0 <= found.names <= 1
    assert -1 <= found.dates <= 1
    if max(found.title, found.names, found.dates) > 0:
        assert may_match(asked_of(" ".join(question), TERMS), labels)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_too_odd(question: str, title: str) -> None:
    assert 0 <= compared(question, title=title, document=title).title <= 1
