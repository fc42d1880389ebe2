"""The three models that need no files."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.models.echo import Echo, EchoConfig, EchoRule, written_out
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.language_model import Generation, PromptTooLong
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.prompt import Message
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.registry import find


@given(st.lists(st.text(max_size=60), max_size=6), st.integers(8, 64))
def test_hashed_vectors_are_unit_and_do_not_depend_on_their_neighbours(
    texts: list[str], dimension: int
) -> None:
    embedder = HashEmbedder(HashEmbedderConfig(dimension=dimension))
    vectors = embedder.embed_passages(texts, [RunContext()] * len(texts))
    assert vectors.shape == (len(texts), dimension)
    for text, vector in zip(texts, vectors, strict=True):
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(embedder.embed_queries([text], [RunContext()])[0], vector)


def test_hashed_texts_that_share_words_are_nearer() -> None:
    embedder = HashEmbedder(HashEmbedderConfig())
    query, near, far = embedder.embed_passages(
        ["sort a list", "The list is sorted: sort it.", "Kettles boil water."], [RunContext()] * 3
    )
    assert float(query @ near) > float(query @ far) + 0.3


def test_each_request_pays_for_its_own_hashed_texts() -> None:
    one, other = RunContext(), RunContext()
    embedder = HashEmbedder(HashEmbedderConfig())
    embedder.embed_queries(["a b", "c", "\ud800 d e"], [one, other, one])
    assert (one.cost.calls, one.cost.rounds, one.cost.tokens_in) == (2, 1, 4)
    assert (other.cost.calls, other.cost.rounds, other.cost.tokens_in) == (1, 1, 1)
    assert embedder.similarity == "cosine"
    embedder.embed_queries([], [])


def test_overlap_logits_are_the_log_odds_of_the_words_held() -> None:
    scores = OverlapCrossEncoder(Config()).score(
        [("red green blue", "green and red"), ("red", "red"), ("red", "blue"), ("", "blue")],
        [RunContext()] * 4,
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
    assert (answer.text, answer.tokens_in, answer.tokens_out) == ("Ada is a librarian.", 6, 6)
    assert answer.finish == "stop"
    assert answer.mean_logprob is None
    assert echo.generate("Question: since\nwhen?", RunContext(), max_tokens=8).text == "At nine."


def test_no_rule_gives_the_other_answer_cut_to_the_tokens_allowed(echo: Echo) -> None:
    assert echo.generate("Hello", RunContext(), max_tokens=8).text == "I don't know."
    cut = echo.generate("Hello", RunContext(), max_tokens=1)
    assert (cut.text, cut.tokens_out, cut.finish) == ("I", 1, "length")


def test_an_echo_comes_in_pieces_and_says_what_it_cost_as_it_goes(echo: Echo) -> None:
    context = RunContext()
    stream = echo.stream("Question: when", context, max_tokens=8)
    assert next(stream) == "At"
    assert (context.cost.calls, context.cost.tokens_in, context.cost.tokens_out) == (1, 3, 1)
    assert list(stream) == [" nine", ".", Generation("At nine.", 3, 3)]


def test_a_script_reads_conversations_with_roles_and_parts_joined(echo: Echo) -> None:
    turns = (Message("system", "Be brief."), Message("user", ("Question: who", " is Ada?")))
    written = "".join(text for text, _ in written_out(turns))
    assert written == "system: Be brief.\nuser: Question: who is Ada?\nassistant:"
    assert echo.generate(turns, RunContext(), max_tokens=2).text == "Ada is"
    open_turn = (Message("user", "Why?"), Message("assistant", ("Be", "cause")))
    assert written_out(open_turn)[-3:] == [("assistant: ", None), ("Be", 1), ("cause", 2)]


def test_a_prompt_that_does_not_fit_the_script_is_refused(echo: Echo) -> None:
    with pytest.raises(PromptTooLong, match="25 tokens and the answer may have 4"):
        echo.generate("word " * 25, RunContext(), max_tokens=4)


def test_a_rule_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        EchoRule(when="(", say="")


def test_costs_are_booked_without_operations() -> None:
    context, other = RunContext(), RunContext()
    OverlapCrossEncoder(Config()).score([("a b", "c")] * 4, [context, other, context, context])
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_in) == (3, 1, 9)
    assert (other.cost.calls, other.cost.rounds, other.cost.tokens_in) == (1, 1, 3)
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
