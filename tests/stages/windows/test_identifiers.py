from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stages.windows.identifiers import (
    Style,
    identifier,
    parse_order,
    parse_subset,
    reasoning_of,
)

ANSWERS = Path(__file__).parents[4] / "shared" / "data" / "llm_responses" / "responses.jsonl"
STYLES: list[Style] = ["number", "letter", "passage"]


@pytest.mark.parametrize(
    ("text", "n", "order"),
    [
        ("[2] > [1] > [3]", 4, (1, 0, 2, 3)),
        ("2, 2, 9", 3, (1, 0, 2)),
        ("<think>[3] best</think>[1] > [2]", 3, (0, 1, 2)),
        ("sorry", 3, (0, 1, 2)),
        ("<think>[1] is best</think><answer>[3]</answer>", 3, (2, 0, 1)),
        ("<answer>[1]</answer> no, wait <answer>[2] > [3]</answer>", 3, (1, 2, 0)),
        ("<answer>[2] > [1]", 3, (1, 0, 2)),
        ("12] > [3] > [1]", 12, (11, 2, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10)),
        ("4 > [2] > [1]", 4, (3, 1, 0, 2)),
        ("[2] > 4 > [1]", 4, (1, 3, 0, 2)),
        ("[10] > [1]", 10, (9, 0, 1, 2, 3, 4, 5, 6, 7, 8)),
        ("[1][0]", 2, (0, 1)),
        ("［２］ > ［１］", 2, (1, 0)),
        ("Of the 3 passages: [3] > [2]", 3, (2, 1, 0)),
        ("The ranking is 3 > 1 > 2 of 3 passages.", 3, (2, 0, 1)),
        ("20 passages have been provided.", 20, tuple(range(20))),
    ],
)
def test_orders_are_read_by_the_rules(text: str, n: int, order: tuple[int, ...]) -> None:
    assert parse_order(text, n).order == order


def test_letters_count_in_brackets_or_chains_only() -> None:
    assert parse_order("[B] > [A]", 3, style="letter").order == (1, 0, 2)
    assert parse_order("B] > [A]", 3, style="letter").order == (1, 0, 2)
    assert parse_order("C > A > B", 3, style="letter").order == (2, 0, 1)
    prose = parse_order("A cat is Better than a Dog", 3, style="letter")
    assert (prose.order, prose.failed) == ((0, 1, 2), True)
    assert parse_order("[BA]", 3, style="letter").failed


def test_a_completion_of_sorted_passages_is_read_by_name() -> None:
    text = "[PASSAGE3, PASSAGE1, PASSAGE3, PASSAGE9]"
    found = parse_order(text, 3, style="passage")
    assert (found.order, found.duplicates, found.out_of_range) == ((2, 0, 1), 1, 1)


def test_repairs_are_counted() -> None:
    found = parse_order("[2] > [2] > [7] > [1]", 4)
    assert (found.named, found.missing, found.duplicates, found.out_of_range) == (2, 2, 1, 1)
    assert found.kind == "repaired"
    assert parse_order("[2] > [1]", 2).kind == "as asked"
    assert parse_order("2 > 1", 2).kind == "other form"
    assert parse_order("I cannot do that.", 2).kind == "failed"


def test_reasoning_that_was_cut_off_is_a_failure_and_kept() -> None:
    text = "<think>[2] looks good and"
    assert parse_order(text, 3).failed
    assert parse_order(text, 3).order == (0, 1, 2)
    assert reasoning_of(text) == "[2] looks good and"


@pytest.mark.parametrize("style", STYLES)
def test_identifiers_that_are_written_are_read_back(style: Style) -> None:
    order = (4, 0, 3, 1, 2)
    said = " > ".join(identifier(place, style) for place in order)
    assert parse_order(said, 5, style=style).order == order


@given(st.text(max_size=300), st.integers(0, 30), st.sampled_from(STYLES))
def test_anything_gives_a_permutation_and_counts_that_add_up(
    text: str, n: int, style: Style
) -> None:
    found = parse_order(text, n, style=style)
    assert sorted(found.order) == list(range(n))
    assert found.named + found.missing == n
    assert found.failed == (found.named == 0 and n > 0)


def test_numbers_of_a_thousand_digits_name_nothing() -> None:
    found = parse_order(f"[{'9' * 10_000}] > [2]", 2)
    assert (found.order, found.out_of_range) == ((1, 0), 1)


@pytest.mark.shared
@pytest.mark.skipif(not ANSWERS.exists(), reason="needs llm_responses beside the project")
def test_every_recorded_answer_gives_a_permutation() -> None:
    kinds: Counter[str] = Counter()
    with ANSWERS.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found = parse_order(row["response"], row["n"])
            assert sorted(found.order) == list(range(row["n"]))
            assert found.named + found.missing == row["n"]
            kinds[found.kind] += 1
    assert kinds.total() == 13_773
    assert kinds["as asked"] + kinds["other form"] > 10_000


@pytest.mark.parametrize(
    ("text", "n", "places", "duplicates", "out_of_range", "failed"),
    [
        ("[3], [1], [3], [9]", 4, (2, 0), 1, 1, False),
        ("2, 4", 4, (1, 3), 0, 0, False),
        ("3", 4, (2,), 0, 0, False),
        ("None", 4, (), 0, 0, False),
        ("[None]", 4, (), 0, 0, False),
        ("**none** of these passages helps", 4, (), 0, 0, False),
        ("", 4, (), 0, 0, False),
        ("[]", 4, (), 0, 0, False),
        ("[9]", 4, (), 0, 1, True),
        ("[9], none", 4, (), 0, 1, True),
        ("None but [9]", 4, (), 0, 1, True),
        ("None but [3]", 4, (2,), 0, 0, False),
        ("nonesuch", 4, (), 0, 0, True),
        ("I cannot tell.", 4, (), 0, 0, True),
        ("<think>[1] may do", 4, (), 0, 0, True),
        ("<think>[1]?</think> None", 4, (), 0, 0, False),
        ("[1], [2], [3]", 3, (0, 1, 2), 0, 0, False),
        ("[1]", 0, (), 0, 1, True),
    ],
)
def test_a_set_is_read_as_it_was_named_and_nothing_is_appended(
    text: str, n: int, places: tuple[int, ...], duplicates: int, out_of_range: int, failed: bool
) -> None:
    found = parse_subset(text, n)
    assert found.places == places
    assert (found.duplicates, found.out_of_range) == (duplicates, out_of_range)
    assert found.failed is failed


@given(st.text(max_size=300), st.integers(0, 30), st.sampled_from(STYLES))
def test_a_set_and_an_order_agree_on_what_an_answer_names(text: str, n: int, style: Style) -> None:
    named, ordered = parse_subset(text, n, style=style), parse_order(text, n, style=style)
    assert named.places == ordered.order[: ordered.named]
    assert (named.duplicates, named.out_of_range) == (ordered.duplicates, ordered.out_of_range)
