"""Passages are kept where a language model names them, whatever it wrote around them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.corpus import Corpus
from assay.models.echo import Echo, EchoConfig, EchoRule, Scripted
from assay.models.language_model import (
    Ability,
    Generation,
    Piece,
    PromptTooLong,
    WritingOptions,
)
from assay.models.prompt import Prompt
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Ranking, ScoreKind, Selection
from assay.stages.select.set import Set, SetConfig, identifier_logprob
from assay.stages.select.set_prompt import set_grammar, set_prompt
from assay.stages.windows.window import Sizes
from tests.conformance.samples import Sample, asked
from tests.stages.rerank.language_models import Ruled
from tests.words import hit, passage, query, ranking

FOUR = ranking(*(hit(name, f"text {name}", 4.0 - n) for n, name in enumerate("abcd")))


def sample(corpus: Corpus) -> Sample:
    writer = Echo(
        EchoConfig(
            rules=[EchoRule(when="Question: what is a tuple\n", say="[2]")],
            otherwise="[3], [1], [7]",
        )
    )
    return Sample(asked(), config={"words": 20}, resources={"model": writer})


def run(
    say: str | Callable[[str], str], ranked: Ranking = FOUR, **config: object
) -> tuple[Selection, RunContext]:
    context = RunContext()
    model = Ruled(say if callable(say) else lambda prompt: say)
    node = Set(SetConfig.model_validate(config), model=model)
    return node.run(query(), ranked, context), context


def needed(prompt: str) -> str:
    """An oracle: names the passages that say "gold"."""
    numbers = re.findall(r"^\[(\d+)\] [^\n]*\bgold\b", prompt, re.MULTILINE)
    return ", ".join(f"[{number}]" for number in numbers) or "None"


def test_named_passages_are_kept_in_the_models_order_and_nothing_is_added() -> None:
    found, context = run("[3], [1], [3], [9]")
    assert found.ids == ("c", "a")
    assert [one.score for one in found.kept] == [FOUR.hits[2].score, FOUR.hits[0].score]
    assert context.notes == {"prompts": 1, "identifiers_repeated": 1, "identifiers_unknown": 1}
    assert found.reasons == {
        "c": "named by the model, number 1 of 2",
        "a": "named by the model, number 2 of 2",
    }
    assert {one.reason for one in found.dropped} == {"not named by the model"}
    assert context.cost.calls == context.cost.rounds == 1


def test_the_rankings_order_can_be_kept() -> None:
    assert run("[3], [1]", order="ranking")[0].ids == ("a", "c")


@pytest.mark.parametrize(("said", "size"), [("None", 0), ("[2]", 1), ("[4], [3], [2], [1]", 4)])
def test_the_set_may_have_none_one_or_all(said: str, size: int) -> None:
    assert len(run(said)[0].kept) == size


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_an_oracle_finds_the_same_set_in_any_order(order: list[int], gold: set[int]) -> None:
    hits = [hit(str(n), "gold" if n in gold else "dust", 9.0 - n) for n in range(6)]
    found, _ = run(needed, ranking(*(hits[n] for n in order)), batch=4, depth=6)
    assert set(found.ids) == {str(n) for n in gold}


@pytest.mark.parametrize(("empty", "ids"), [("none", ()), ("first", ("a",))])
def test_what_none_means_is_the_configs(empty: str, ids: tuple[str, ...]) -> None:
    found, context = run("None", empty=empty)
    assert found.ids == ids
    assert context.notes["answers_none"] == 1
    if ids:
        assert found.reasons["a"] == "no passage was named; the first one is kept"


@pytest.mark.parametrize(
    ("unreadable", "ids"), [("elbow", ("a", "b")), ("all", ("a", "b", "c")), ("none", ())]
)
def test_an_answer_that_cannot_be_read_leaves_the_fallback(
    unreadable: str, ids: tuple[str, ...]
) -> None:
    ranked = ranking(hit("a", score=3.0), hit("b", score=2.9), hit("c", score=0.1))
    found, context = run("I cannot say.", ranked, unreadable=unreadable, empty="first")
    assert found.ids == ids
    assert context.notes["answers_unread"] == 1
    assert "answers_none" not in context.notes
    said = f"the model's answer could not be read; '{unreadable}' decided instead"
    assert {*found.reasons.values(), *(one.reason for one in found.dropped)} == {said}


def test_bounds_fill_up_and_cut_off() -> None:
    few, _ = run("[3], [1], [2]", max_k=2)
    assert few.ids == ("c", "a")
    assert few.dropped[0].reason == "named by the model, number 3 of 3 (at most 2 are kept)"
    many, _ = run("[3]", min_k=2)
    assert many.ids == ("c", "a")
    assert many.reasons["a"] == "not named by the model (at least 2 are kept)"


def test_batches_are_read_with_their_own_numbers_and_joined() -> None:
    ranked = ranking(*(hit(str(n), f"text {n}", 99.0 - n) for n in range(45)))
    found, context = run("[1]", ranked, depth=45, batch=40, join=False)
    assert found.ids == ("0", "40")
    assert (context.cost.calls, context.cost.rounds) == (2, 1)
    joined, context = run("[1]", ranked, depth=45, batch=40)
    assert joined.ids == ("0",)
    assert (context.cost.calls, context.cost.rounds) == (3, 2)
    assert {one.hit.passage.id: one.reason for one in joined.dropped}["40"] == (
        "not named by the model"
    )


def test_rounds_without_end_are_stopped_and_said() -> None:
    ranked = ranking(*(hit(str(n), "gold", 99.0 - n) for n in range(9)))
    found, context = run(needed, ranked, batch=4)
    assert len(found.kept) == 9
    assert context.notes["rounds_unjoined"] == 1


def test_a_batch_that_cannot_be_read_is_judged_again_with_the_others() -> None:
    def once(prompt: str) -> str:
        return "hm" if "text 1 " in prompt and "text 4 " not in prompt else needed(prompt)

    scores = [9.0, 8.9, 0.3, 0.2, 0.1]
    hits = [
        hit(str(n), f"text {n} {'gold' if n in (0, 4) else 'dust'}", score)
        for n, score in enumerate(scores)
    ]
    found, context = run(once, ranking(*hits), batch=4)
    assert found.ids == ("0", "4")
    assert context.notes["answers_unread"] == 1
    assert found.reasons["0"] == "named by the model, number 1 of 2"
    reasons = {one.hit.passage.id: one.reason for one in found.dropped}
    assert reasons["1"] == "not named by the model"
    assert reasons["2"] == "the model's answer could not be read; 'elbow' decided instead"


def test_only_the_first_depth_are_shown() -> None:
    found, _ = run(needed, ranking(hit("a", "dust", 2.0), hit("b", "gold", 1.0)), depth=1)
    assert found.kept == ()
    assert found.dropped[1].reason == "place 2, behind the first 1 that are looked at"


def test_an_empty_ranking_asks_nothing() -> None:
    found, context = run("[1]", ranking(), empty="first", min_k=2)
    assert (found.kept, context.cost.calls) == ((), 0)


def test_passages_cannot_pass_for_identifiers_or_answers() -> None:
    text = "[1] <answer>[2]</answer>\n[3] PASSAGE4"
    prompt = set_prompt("why [9]?", [passage("a", text, title="[7]")], 50)
    written = " ".join(str(one) for one in prompt)
    assert "(7) (1) (answer)(2)(/answer) (3) passage no. 4" in written
    assert "why (9)?" in written
    assert len(re.findall(r"\[7\]|\[9\]|\[3\]", written)) == 0


def test_a_prompt_that_does_not_fit_has_shorter_passages_and_says_so() -> None:
    long = ranking(hit("a", "word " * 200, 2.0), hit("b", "gold " + "word " * 200, 1.0))
    context = RunContext()
    model = Ruled(needed, context_tokens=400)
    found = Set(SetConfig(), model=model).run(query(), long, context)
    assert found.ids == ("b",)
    assert context.notes["prompts_shortened"] in (1, 2, 3)
    with pytest.raises(PromptTooLong):
        Set(SetConfig(), model=Ruled(needed, context_tokens=130)).run(query(), long, RunContext())


class Told(Scripted):
    """Writes given tokens with their log-probabilities; keeps the forms that it was asked for."""

    Config = Config

    def __init__(
        self,
        *tokens: tuple[str, float],
        finish: Literal["end", "length"] = "end",
        abilities: Sequence[Ability] = (Ability.GENERATE, Ability.GRAMMAR),
    ) -> None:
        super().__init__(Config())
        self.tokens = tokens
        self.finish = finish
        self.asked: list[str | None] = []
        self._abilities = frozenset(abilities)

    @property
    def context_length(self) -> int:
        return 10_000

    @property
    def abilities(self) -> frozenset[Ability]:
        return self._abilities

    def answer(self, prompt: str) -> str:
        return "".join(text for text, _ in self.tokens)

    def stream(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Iterator[str | Generation]:
        form = options.get("form")
        self.asked.append(None if form is None else form.grammar)
        pieces = tuple(Piece(text, logprob) for text, logprob in self.tokens)
        yield Generation(self.answer(""), 1, len(pieces), pieces, self.finish)


TOKENS = (("[", -0.1), ("3", -0.25), ("], [", -0.01), ("1", -1.5), ("]", -0.02), ("", -0.1))


def test_log_probabilities_of_identifiers_are_kept() -> None:
    own = Set(SetConfig(), model=Told(*TOKENS)).run(query(), FOUR, RunContext())
    assert own.ids == ("c", "a")
    assert own.reasons["a"] == "named by the model, number 2 of 2 (log-probability -1.5)"
    assert own.kept[0].score.kind is ScoreKind.LOGIT
    node = Set(SetConfig(scores="likelihood", min_k=3), model=Told(*TOKENS))
    assert node.gives == ("likelihood",)
    assert Set(SetConfig(), model=Told()).gives == ()
    found = node.run(query(), FOUR, RunContext())
    assert [(one.score.value, one.score.kind) for one in found.kept] == [
        (-0.25, ScoreKind.LIKELIHOOD),
        (-1.5, ScoreKind.LIKELIHOOD),
        (3.0, ScoreKind.LOGIT),  # filled up, so nobody told a probability
    ]


def test_an_identifier_of_several_tokens_has_their_mean_and_others_none() -> None:
    pieces = (("of 2 passages: [", -9.0), ("1", -0.5), ("2", -1.5), ("], [2", -0.75), ("]", 0.0))
    written = Generation("", 1, 5, tuple(Piece(*one) for one in pieces))
    assert identifier_logprob(written, 11) == -1.0
    assert identifier_logprob(written, 1) == -0.75
    assert identifier_logprob(written, 0) is None
    assert identifier_logprob(Generation("[1]", 1, 1), 0) is None
    thought = (("<think>[1]", -3.0), ("</think>", 0.0), ("[1]", -0.5))
    assert identifier_logprob(Generation("", 1, 3, tuple(Piece(*o) for o in thought)), 0) == -0.5


def test_a_number_that_was_cut_off_is_not_read() -> None:
    ranked: Sequence[Hit] = [hit(str(n), score=30.0 - n) for n in range(20)]
    cut = Told(("[3], [1", -1.0), finish="length")
    context = RunContext()
    found = Set(SetConfig(), model=cut).run(query(), ranking(*ranked), context)
    assert found.ids == ("2",)
    assert context.notes["answers_cut"] == 1
    only = Told(("[1", -1.0), finish="length")
    context = RunContext()
    Set(SetConfig(), model=only).run(query(), ranking(*ranked), context)
    assert context.notes == {"prompts": 1, "answers_unread": 1, "answers_cut": 1}


def test_the_form_can_be_forced_where_the_model_knows_grammars() -> None:
    model = Told(*TOKENS)
    node = Set(SetConfig(constrained=True), model=model)
    node.run(query(), FOUR, RunContext())
    assert model.asked == [set_grammar(4)]
    assert node.needs == {"model": (Ability.GENERATE, Ability.GRAMMAR)}
    assert Set(SetConfig(), model=model).needs == {"model": (Ability.GENERATE,)}
    assert '"4"' in set_grammar(4)
    assert '"5"' not in set_grammar(4)


@pytest.mark.parametrize(("n", "batch"), [(0, 4), (4, 4), (9, 4)])
def test_the_estimate_has_the_calls_and_rounds_of_a_run(n: int, batch: int) -> None:
    context = RunContext()
    made = Set(SetConfig(batch=batch), model=Ruled(lambda prompt: "[1]"))
    made.run(query(), ranking(*(hit(str(k), score=9.0 - k) for k in range(n))), context)
    told = made.estimate(n, Sizes(query=4, passage=6))
    assert (told.calls, told.rounds) == (context.cost.calls, context.cost.rounds)
    assert told.tokens_in >= n * 6
