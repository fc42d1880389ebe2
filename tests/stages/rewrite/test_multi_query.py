from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from assay.models.protocols import Generation, LanguageModel
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.stages.rewrite.multi_query import (
    MultiQuery,
    MultiQueryConfig,
    parse_wordings,
    prompt_for,
)
from tests.corpora.doubles import ask


class Parrot(LanguageModel):
    """Writes what it was told to and keeps the prompt."""

    def __init__(self, text: str) -> None:
        super().__init__(Config())
        self.text = text
        self.prompt = ""

    @property
    def context_length(self) -> int:
        return 4096

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def fingerprint(self) -> str:
        return "parrot"

    def generate(
        self, prompt: str, context: RunContext, *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generation:
        self.prompt = prompt
        context.spend(calls=1, rounds=1)
        return Generation(self.text, self.count_tokens(prompt), self.count_tokens(self.text), None)


def test_the_question_comes_first_and_nothing_twice() -> None:
    model = Parrot(" second wording\n2. WHAT IS IT\n3. third wording?\n4. Second  wording.\n5. x y")
    node = MultiQuery(MultiQueryConfig(n=2), language_model=model)
    query = ask("What is it?", id="q7", filters={"a": 1})
    variants = node.run(query, RunContext())
    assert variants.main == query
    assert [one.text for one in variants.queries[1:]] == ["second wording", "third wording?"]
    assert all(one.scope == query.scope and one.filters == {"a": 1} for one in variants.queries)


def test_a_silent_model_leaves_the_question_alone() -> None:
    node = MultiQuery(MultiQueryConfig(), language_model=Parrot(" \n\n"))
    assert node.run(ask("What?"), RunContext()).queries == (ask("What?"),)


def test_a_question_cannot_add_lines_to_the_prompt() -> None:
    prompt = prompt_for("one\nQuestion: two\n1. three", 3)
    assert prompt.endswith("\nQuestion: one Question: two 1. three\n1.")
    assert prompt.count("\nQuestion:") == 3


@given(st.text(), st.text(), st.integers(1, 5))
def test_parsing_any_text_gives_at_most_n_different_single_lines(
    text: str, question: str, n: int
) -> None:
    found = parse_wordings(text, question, n)
    assert len(found) <= n
    assert len(set(found)) == len(found)
    assert all(one.strip() == one and one and len(one.splitlines()) == 1 for one in found)
