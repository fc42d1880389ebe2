"""What an answer took from a passage word for word is found there, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.report.quotes import SHORTEST, citations, cited_stretches, find_quote, merged

WORDS = st.lists(st.text("abcéЖ漢7", min_size=1, max_size=8), min_size=6, max_size=30)


@given(WORDS, st.data())
def test_a_run_of_words_is_found_whatever_stands_between_them(
    words: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    taken = words[start : data.draw(st.integers(start + 1, len(words)))]
    text = "  ".join(words)
    found = find_quote(text, ",\n".join(taken).swapcase())
    if sum(map(len, taken)) < SHORTEST:
        assert found is None
    else:
        assert found is not None
        shown = text[found[0] : found[1]].split()
        assert [one.casefold() for one in shown] == [one.casefold() for one in taken]


def test_case_white_space_and_punctuation_do_not_matter() -> None:
    text = "A star.\n\nThe   SUN (our star) is\nhot: 5,772 K."
    low, high = find_quote(text, "the sun, our star, is hot") or (0, 0)
    assert text[low:high] == "The   SUN (our star) is\nhot"


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "the sun",
        "...",
        "a star that is warm and big",
        "un our star is ho",
        "hot 5 772 K and more",
    ],
)
def test_too_little_or_other_words_or_halves_of_words_are_not_found(quote: str) -> None:
    assert find_quote("The sun, our star, is hot: 5,772 K.", quote) is None


def test_a_citation_over_several_sentences_is_found_sentence_by_sentence() -> None:
    text = "Paris is in France. It rains a lot there. The river is the Seine."
    said = "The river is the Seine. Paris is in France."
    answer = {
        "text": said,
        "citations": [{"start": 0, "end": len(said), "passage_ids": ["p", "q"]}],
    }
    found = cited_stretches(answer, {"p": text})
    assert [text[low:high] for low, high in found["p"]] == [
        "Paris is in France",
        "The river is the Seine",
    ]
    assert found["q"] == [], "a cited passage without a text is still cited"


def test_citations_outside_the_answer_are_brought_inside() -> None:
    answer = {
        "text": "short",
        "citations": [
            {"start": 3, "end": 99, "passage_ids": ["b"]},
            {"start": -5, "end": 2, "passage_ids": ["a"]},
            {"start": 50, "end": 40, "passage_ids": []},
        ],
    }
    assert [(one.start, one.end) for one in citations(answer)] == [(0, 2), (3, 5), (5, 5)]


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 9)).map(lambda one: (one[0], one[0] + one[1]))
    )
)
def test_joined_stretches_cover_the_same_and_do_not_overlap(spots: list[tuple[int, int]]) -> None:
    joined = merged(spots)
    assert {at for low, high in joined for at in range(low, high)} == {
        at for low, high in spots for at in range(low, high)
    }
    assert all(one[1] < other[0] for one, other in pairwise(joined))
