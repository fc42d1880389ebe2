"""Answer metrics: SQuAD's rules stated anew, key points, several valid answers."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.matching import exact_match, token_f1
from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics.key_points import key_point_recall, key_points
from assay.pipeline.errors import DataError
from tests.evaluation.made import PLAN, dataset, question, record

PIECES = (
    "the", "The", "a", "an", "An", "theatre", "Paris", "paris,", "1999", "in", "U.S.", "don't",
    "--", "!?", "...", "état", "ÉTAT", "naïve", "東京", "ΑΘΗΝΑ", "a-team", "the-end", "“quoted”",
    "½", "İstanbul", "\u00a0", "\u2003", "\t", "\n", "", " ", "_", "a_b", "x²", "the.", "(a)",
)  # fmt: skip


def plain_words(text: str) -> list[str]:
    """The script's four steps, by hand: lower, punctuation out, articles out, split."""
    punctuation = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    kept = "".join(letter for letter in text.lower() if letter not in punctuation)
    # An article is one where no letter, digit or underscore touches it.
    words, word = [], ""
    for letter in [*kept, " "]:
        if letter.isalnum() or letter == "_":
            word += letter
            continue
        words += [" " if word in {"a", "an", "the"} else word, letter]
        word = ""
    return "".join(words).split()


def plain_exact(text: str, accepted: list[str]) -> bool:
    return any(" ".join(plain_words(text)) == " ".join(plain_words(one)) for one in accepted)


def plain_f1(text: str, accepted: list[str]) -> float:
    best = 0.0
    for one in accepted:
        said, wanted = plain_words(text), plain_words(one)
        if not said or not wanted:
            best = max(best, 1.0 if said == wanted else 0.0)
            continue
        left = Counter(wanted)
        shared = 0
        for word in said:
            if left[word] > 0:
                left[word] -= 1
                shared += 1
        if shared:
            precision, recall = shared / len(said), shared / len(wanted)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def pairs() -> list[tuple[str, list[str]]]:
    generator = random.Random(13)

    def text() -> str:
        return generator.choice(("", " ", " ")).join(
            generator.choices(PIECES, k=generator.randrange(7))
        )

    found = [(text(), [text() for _ in range(generator.randint(1, 3))]) for _ in range(500)]
    # Answers that nearly agree, as real ones do.
    for _ in range(500):
        words = generator.choices(PIECES, k=5)
        other = [word for word in words if generator.random() < 0.7]
        generator.shuffle(other)
        words, other = [*words, "Rome", "1999"], [*other, "rome", "in", "2000"]
        accepted = [" ".join(other)]
        if generator.random() < 0.2:
            accepted.append("The " + " ".join(words).upper() + ".")
        found.append((" ".join(words), accepted))
    return found


def test_em_and_f1_are_those_of_squads_script_on_a_thousand_random_pairs() -> None:
    found = pairs()
    assert len(found) == 1000
    scores = []
    for text, accepted in found:
        assert exact_match(text, accepted) is plain_exact(text, accepted), (text, accepted)
        assert token_f1(text, accepted) == pytest.approx(plain_f1(text, accepted), abs=1e-12)
        scores.append(token_f1(text, accepted))
    # The pairs tell rules apart only if all kinds of scores occur.
    assert {0.0, 1.0} < set(scores)
    assert sum(0 < one < 1 for one in scores) > 100


@given(st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=3))
def test_em_and_f1_agree_with_one_another_on_any_text(text: str, accepted: list[str]) -> None:
    assert 0.0 <= token_f1(text, accepted) <= 1.0
    if exact_match(text, accepted):
        assert token_f1(text, accepted) == 1.0


def test_key_points_are_found_in_any_wording_at_token_boundaries() -> None:
    points = key_points({"key_points": ["The sun rises", ["9 am", "nine o'clock"], "3"]})
    assert key_point_recall("When the sun  rises, at nine oclock.", points) == pytest.approx(2 / 3)
    assert key_point_recall("13 suns rise at 19 am", points) == 0.0
    assert key_point_recall("", points) == 0.0


def test_key_points_count_on_questions_that_list_them_and_an_abstention_makes_none() -> None:
    queries = [
        question("a", [], key_points=["red", ["blue", "azure"]]),
        question("b", key_points=["red"]),
        question("c"),
        question("u", answerable=False, key_points=["red"]),
    ]
    records = [
        record("a", text="An azure sky"), record("b", "abstained"), record("c"), record("u")
    ]  # fmt: skip
    report = evaluate(dataset(queries), records, PLAN)
    assert report.metrics["qa.key_points"] == 0.25
    assert [row["qa"].get("key_points") for row in report.per_query] == [0.5, 0.0, None, None]


def test_a_set_without_key_points_says_so() -> None:
    report = evaluate(dataset([question("a")]), [record("a")], PLAN)
    assert report.metrics["qa.key_points"] is None
    assert "meta.key_points" in report.why["qa.key_points"]


@pytest.mark.parametrize("points", ["red", [3], [[]], ["the"], ["..."], [["red", None]]])
def test_key_points_that_cannot_be_read_stop_the_evaluation_and_name_the_question(
    points: object,
) -> None:
    with pytest.raises(DataError, match=r"'qa' on the question 'b': .*key"):
        evaluate(
            dataset([question("a"), question("b", key_points=points)]),
            [record("a"), record("b")],
            PLAN,
        )


def test_of_several_valid_answers_the_share_that_is_given_counts() -> None:
    queries = [
        question("a", ["red", "blue", "green"], entities=["x", "y", "z"]),
        question("b", ["New York", "NYC"]),
        question("c", ["red", "blue"], entities=["x", "y"]),
    ]
    records = [record("a", text="Red, or green."), record("b"), record("c", "abstained")]
    metrics = evaluate(dataset(queries), records, PLAN).metrics
    assert metrics["qa.set_recall"] == pytest.approx((2 / 3 + 0) / 2)
    assert metrics["qa.correct"] == pytest.approx(1 / 3)


def test_a_metric_that_breaks_stops_the_evaluation_with_its_reason() -> None:
    broken = record("b")
    broken["answer"] = {"text": "right", "citations": [], "confidence": {"value": "high"}}
    with pytest.raises(DataError, match=r"'abstention' failed on the question 'b' with TypeError"):
        evaluate(dataset([question("a"), question("b")]), [record("a"), broken], PLAN)
    lacking = record("b")
    del lacking["cost"]["calls"]
    with pytest.raises(DataError, match="'cost' failed on the question 'b' with KeyError: 'calls'"):
        evaluate(dataset([question("a"), question("b")]), [record("a"), lacking], PLAN)
