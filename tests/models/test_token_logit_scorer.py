"""A language model that answers yes or no, as a cross-encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from assay.models import account
from assay.models.language_model import Ability, LanguageModel, PromptTooLong
from assay.models.prompt import Candidate, Message, Prompt, parts_of
from assay.models.scorer_forms import FORMS
from assay.models.token_logit_scorer import TokenLogitScorer, TokenLogitScorerConfig
from assay.pipeline.component import Config
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find
from assay.pipeline.words import ScoreKind

QUESTION = "how high is the tower"


class Table(LanguageModel):
    """Yes is as likely as its rule says; tokens are words; keeps what it was asked."""

    def __init__(self, rule: Callable[[str], float], context_length: int = 1000) -> None:
        super().__init__(Config())
        self._rule = rule
        self._context_length = context_length
        self.asked: list[list[Prompt]] = []

    abilities = frozenset({Ability.NEXT_TOKEN_LOGPROBS})

    @property
    def context_length(self) -> int:
        return self._context_length

    def fingerprint(self) -> str:
        return "table"

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def stream(self, *_: Any, **__: Any) -> Any:
        raise self._unable(Ability.GENERATE)

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        account.check(contexts)
        self.asked.append(list(prompts))
        tokens = [sum(self.count_tokens(part) for part in parts_of(one)) for one in prompts]
        for one in tokens:
            if one + 1 > self._context_length:
                raise PromptTooLong(one, 1, self._context_length, "table")
        account.book(contexts, tokens, [0.0] * len(tokens))
        rows = [self._rule(" ".join(parts_of(one))) for one in prompts]
        with np.errstate(divide="ignore"):
            logs: NDArray[np.float64] = np.log([[one, (1 - one) / 2] for one in rows])
        return logs


def numbered(text: str) -> float:
    """The last number in a text, in hundredths."""
    found = [int(word) for word in text.split() if word.isdigit()]
    return found[-1] / 100 if found else 0.02


def scorer(model: LanguageModel, **config: Any) -> TokenLogitScorer:
    return TokenLogitScorer(TokenLogitScorerConfig(**config), model=model)


PAIRS = ((QUESTION, "it is 90 high"), ("who", "she 10 is"), (QUESTION, "30"), ("who", "he 60"))


def test_a_score_is_the_log_odds_of_yes_against_no() -> None:
    context = RunContext()
    scores = scorer(Table(numbered)).score(PAIRS, [context] * 4)
    expected = [math.log(p / ((1 - p) / 2)) for p in (0.9, 0.1, 0.3, 0.6)]
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)
    assert scores.dtype == np.float32 and scorer(Table(numbered)).kind is ScoreKind.LOGIT
    assert (context.cost.calls, context.cost.rounds) == (4, 1)


def test_all_pairs_go_in_one_call_with_those_of_a_query_side_by_side() -> None:
    model = Table(numbered)
    scorer(model).score(PAIRS, [RunContext()] * 4)
    (prompts,) = model.asked
    passages = [parts_of(one)[-1].split("\n")[0].strip() for one in prompts]
    assert passages == ["it is 90 high", "30", "she 10 is", "he 60"]


def test_each_request_pays_for_its_own_pairs() -> None:
    contexts = [RunContext(), RunContext()]
    scorer(Table(numbered)).score(PAIRS, [contexts[0], *[contexts[1]] * 3])
    assert [one.cost.calls for one in contexts] == [1, 3]
    assert [one.cost.rounds for one in contexts] == [1, 1]


def test_no_pairs_ask_nothing() -> None:
    model = Table(numbered)
    assert scorer(model).score([], []).shape == (0,)
    assert model.asked == []


@given(st.text(), st.text())
def test_texts_are_filled_in_once_and_literally(query: str, passage: str) -> None:
    for form in FORMS.values():
        around = form.texts("\x00", "\x01")
        expected = [one.replace("\x00", query) if "\x00" in one else one for one in around]
        if query.count("\x01") == 0:
            expected = [one.replace("\x01", passage) for one in expected]
            assert list(form.texts(query, passage)) == expected


def test_places_named_in_a_passage_stay_as_they_are() -> None:
    form = FORMS["qwen3"]
    passage = "{query} {instruction} {} {0} %s <|im_end|>"
    assert form.texts("who", passage)[2] == f" {passage}"
    assert form.texts("{passage}", "x")[1].endswith("<Query>: {passage}\n<Document>:")


def test_the_qwen3_form_is_the_published_one() -> None:
    system, user, answer = tuple(FORMS["qwen3"].prompt("Who?", "Ada.", "Find people"))
    assert isinstance(system, Message) and system.role == "system"
    assert isinstance(user, Message) and "".join(user.content) == (
        "<Instruct>: Find people\n<Query>: Who?\n<Document>: Ada."
    )
    assert answer == Message("assistant", "<think>\n\n</think>\n\n", trusted=True)
    assert (FORMS["qwen3"].yes, FORMS["qwen3"].no) == (("yes",), ("no",))


def test_the_mxbai_form_is_the_published_one_with_and_without_an_instruction() -> None:
    form = FORMS["mxbai"]
    _, *parts = form.texts("Who?", "Ada.")
    assert parts[:4] == ["query: Who?", "\n", "document: Ada.", "\n"]
    assert form.texts("Who?", "Ada.", "Find")[1] == "instruction: Find\nquery: Who?"
    assert (form.yes, form.no) == (("1",), ("0",))


def test_the_other_published_forms() -> None:
    assert FORMS["zerank"].prompt("Who?", "Ada.") == (
        Message("system", ("Who?",)),
        Message("user", ("Ada.",)),
    )
    assert FORMS["monot5"].prompt("Who?", "Ada.") == ("Query: Who? Document: Ada. Relevant:",)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_pairs_of_one_query_share_whole_parts_before_the_passage(name: str) -> None:
    one, other = (FORMS[name].texts("who", passage) for passage in ("Ada", "Bob"))
    differ = next(n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    if name != "monot5":  # an encoder reads all of its text at once
        assert any("who" in part for part in one[:differ])


def test_a_long_passage_counts_by_its_best_window() -> None:
    model, context = Table(numbered, 250), RunContext()
    long = "word " * 200 + "80 " + "word " * 200
    made = scorer(model)
    (score,) = made.score([(QUESTION, long)], [context])
    assert score == pytest.approx(math.log(0.8 / 0.1), abs=1e-6)
    assert context.notes == {"passages_windowed": 1}
    assert context.cost.calls == len(model.asked[0]) > 1
    texts = [parts_of(one)[-1] for one in model.asked[0]]
    assert sum(text.count("word") for text in texts) == 400


@pytest.mark.parametrize(("rule", "value"), [("head", 0.11), ("tail", 0.99), ("middle", 0.99)])
def test_a_long_passage_is_cut_by_the_rule_and_counted(rule: str, value: float) -> None:
    model, context = Table(numbered, 250), RunContext()
    long = "start 11 " + "word " * 300 + "99 end"
    (score,) = scorer(model, too_long=rule).score([(QUESTION, long)], [context])
    assert score == pytest.approx(math.log(value / ((1 - value) / 2)), abs=1e-5)
    assert context.notes == {"passages_cut": 1}
    if rule == "middle":
        assert "start 11" in parts_of(model.asked[0][0])[-1]


def test_a_long_passage_is_refused_with_its_numbers() -> None:
    made = scorer(Table(numbered, 250), too_long="refuse")
    with pytest.raises(UsageError, match=r"a passage has 400 tokens and there is room for \d+"):
        made.score([(QUESTION, "word " * 400)], [RunContext()])


def test_a_shorter_limit_than_the_models_is_kept() -> None:
    model = Table(numbered, 1000)
    scorer(model, max_tokens=250).score([(QUESTION, "word " * 400)], [RunContext()])
    for prompt in model.asked[0]:
        assert sum(model.count_tokens(part) for part in parts_of(prompt)) <= 250 - 64


def test_a_query_over_half_of_the_prompt_is_cut_and_noted() -> None:
    model, context = Table(numbered, 400), RunContext()
    scorer(model).score([("ask " * 300, "70")], [context])
    assert context.notes == {"query_tokens": 300, "query_tokens_read": (399 - 64) // 2}
    assert parts_of(model.asked[0][0])[1].count("ask") == (399 - 64) // 2


def test_a_form_that_leaves_no_room_is_named() -> None:
    made = scorer(Table(numbered, 150), form="qwen3", instruction="very " * 100)
    with pytest.raises(UsageError, match="leaves no room for a passage in a prompt of 149"):
        made.score([("who", "it is"), (QUESTION, "30")], [RunContext()] * 2)


def test_a_model_without_finite_probabilities_is_refused() -> None:
    with pytest.raises(ModelError, match="no finite log-probability"):
        scorer(Table(lambda _: 0.0)).score([("who", "her")], [RunContext()])


def test_a_request_that_is_over_asks_nothing() -> None:
    context, model = RunContext(), Table(numbered)
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        scorer(model).score(PAIRS, [context] * 4)
    assert model.asked == []


def test_a_form_of_ones_own() -> None:
    custom = {
        "user": ["{ {query} }", " [{passage}]"],
        "yes": ["good"],
        "no": ["bad"],
        "system": ["Judge {it}."],
        "answer": "It is",
    }
    model = Table(numbered)
    made = scorer(model, form="custom", custom=custom)
    made.score([("who", "{her} 50")], [RunContext()])
    assert model.asked[0][0] == (
        Message("system", ("Judge {it}.",)),
        Message("user", ("{ who }", " [{her} 50]")),
        Message("assistant", "It is", trusted=True),
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"form": "custom"}, "'custom' holds the form"),
        ({"custom": {"user": ["{query}{passage}"], "yes": ["a"], "no": ["b"]}}, "only there"),
        ({"form": "zerank", "instruction": "Find"}, "'zerank' has no place for an instruction"),
        (
            {"form": "custom", "custom": {"user": ["{query}"], "yes": ["a"], "no": ["b"]}},
            "'{passage}' once, found it 0 times",
        ),
        (
            {"form": "custom", "custom": {"user": ["{query}{passage}"], "yes": ["a"], "no": ["a"]}},
            "different words",
        ),
        (
            {
                "form": "custom",
                "custom": {
                    "user": ["{query}{passage}"],
                    "yes": ["a"],
                    "no": ["b"],
                    "chat": False,
                    "answer": "It",
                },
            },
            "turns of a chat",
        ),
    ],
)
def test_settings_that_would_be_ignored_are_refused(config: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TokenLogitScorerConfig.model_validate(config)


def test_the_fingerprint_follows_form_settings_and_model() -> None:
    model = Table(numbered)
    prints = {
        scorer(model).fingerprint(),
        scorer(model, form="qwen3").fingerprint(),
        scorer(model, form="qwen3", instruction="Find").fingerprint(),
        scorer(model, too_long="head").fingerprint(),
    }
    assert len(prints) == 4
    assert scorer(model).fingerprint() == scorer(Table(numbered)).fingerprint()
    model.fingerprint = lambda: "other"  # type: ignore[method-assign]
    assert scorer(model).fingerprint() not in prints


def test_it_says_which_ability_it_needs_and_the_registry_finds_it() -> None:
    assert TokenLogitScorer.needs == {"model": (Ability.NEXT_TOKEN_LOGPROBS,)}
    assert find("models.token_logit_scorer@1") is TokenLogitScorer


@pytest.mark.models
def test_a_real_model_scores_a_pair_alike_alone_and_among_others(
    needs: Callable[[str], str],
) -> None:
    pytest.importorskip("llama_cpp", reason="needs the extra llama")
    from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

    key = needs("smollm2-135m-instruct-q4_1")
    model = LlamaCpp(LlamaCppConfig(model=key, context_tokens=256))
    model.start()
    form = {"user": ["Q: {query}\nP:", " {passage}\nA:"], "yes": [" yes"], "no": [" no"]}
    made = scorer(model, form="custom", custom={**form, "chat": False})
    contexts = [RunContext() for _ in range(3)]
    pairs = [(QUESTION, "It is 90 metres high."), ("who", "<|im_end|>"), (QUESTION, "It is. " * 90)]
    scores = made.score(pairs, contexts)
    assert np.isfinite(scores).all() and len(set(scores.tolist())) == 3
    assert contexts[2].notes == {"passages_windowed": 1}
    assert contexts[2].cost.calls == 2
    assert made.score(pairs[1:2], [RunContext()])[0] == scores[1]
    logs = model.next_token_logprobs(
        [(f"Q: {QUESTION}\nP:", " It is 90 metres high.\nA:")], [(" yes",), (" no",)], contexts[:1]
    )
    assert scores[0] == pytest.approx(logs[0, 0] - logs[0, 1], abs=1e-6)
    model.close()
