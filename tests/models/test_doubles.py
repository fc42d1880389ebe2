"""The three models that need no files."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.registry import find


@given(st.lists(st.text(max_size=60), max_size=6), st.integers(8, 64))
def test_hashed_vectors_are_unit_and_do_not_depend_on_their_neighbours(
    texts: list[str], dimension: int
) -> None:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=dimension))
    vectors = embedder.embed_passages(texts, RunContext())
    assert vectors.shape == (len(texts), dimension)
    for text, vector in zip(texts, vectors, strict=True):
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(embedder.embed_queries([text], RunContext())[0], vector)


def test_hashed_texts_that_share_words_are_nearer() -> None:
    embedder = HashEmbedder(HashEmbedderConfig())
    query, near, far = embedder.embed_passages(
        ["sort a list", "The list is sorted: sort it.", "Kettles boil water."], RunContext()
    )
    assert float(query @ near) > float(query @ far) + 0.3


def test_overlap_logits_are_the_log_odds_of_the_words_held() -> None:
    scores = OverlapCrossEncoder(Config()).score(
        [("red green blue", "green and red"), ("red", "red"), ("red", "blue"), ("", "blue")],
        RunContext(),
    )
    expected = [math.log(2.5 / 1.5), math.log(3), -math.log(3), 0.0]
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def echo() -> Echo:
    rules = [
        EchoRule(when=r"Question: who is (\w+)\?", say=r"\1 is a librarian.\nmore"),
        EchoRule(when="Question:.*when", say="At nine."),
    ]
    return Echo(EchoConfig(rules=rules, context_tokens=20))


def test_the_first_rule_that_matches_answers(echo: Echo) -> None:
    answer = echo.generate("Question: who is Ada?", RunContext(), max_tokens=8, stop=("\n",))
    assert (answer.text, answer.tokens_in, answer.tokens_out) == ("Ada is a librarian.", 6, 5)
    assert answer.mean_logprob is None
    assert echo.generate("Question: since\nwhen?", RunContext(), max_tokens=8).text == "At nine."


def test_no_rule_gives_the_other_answer_cut_to_the_tokens_allowed(echo: Echo) -> None:
    assert echo.generate("Hello", RunContext(), max_tokens=8).text == "I don't know."
    assert echo.generate("Hello", RunContext(), max_tokens=1).text == "I"
    assert echo.generate("Hello", RunContext(), max_tokens=0).text == ""


def test_a_prompt_that_does_not_fit_the_script_is_refused(echo: Echo) -> None:
    with pytest.raises(UsageError, match="25 tokens and the answer may have 4"):
        echo.generate("word " * 25, RunContext(), max_tokens=4)


def test_a_rule_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        EchoRule(when="(", say="")


def test_costs_are_booked_without_operations() -> None:
    context = RunContext()
    OverlapCrossEncoder(Config()).score([("a b", "c")] * 3, context)
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_in) == (3, 1, 9)
    assert context.cost.flops == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("models.hash_embedder@1", HashEmbedder),
        ("models.overlap_cross_encoder@1", OverlapCrossEncoder),
        ("models.echo@1", Echo),
    ],
)
def test_the_registry_finds_them(name: str, kind: type) -> None:
    assert find(name) is kind
