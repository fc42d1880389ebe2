from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.pipeline.context import RunContext
from assay.stages.rewrite.multi_query import (
    MultiQuery,
    MultiQueryConfig,
    parse_wordings,
    prompt_for,
)
from tests.corpora.doubles import ask


def parrot(*rules: tuple[str, str]) -> Echo:
    return Echo(EchoConfig(rules=[EchoRule(when=when, say=text) for when, text in rules]))


def test_the_question_comes_first_and_nothing_twice() -> None:
    said = " second wording\n2. WHAT IS IT\n3. third wording?\n4. Second  wording.\n5. x y"
    model = parrot((".", said))
    node = MultiQuery(MultiQueryConfig(n=2), language_model=model)
    query = ask("What is it?", id="q7", filters={"a": 1})
    variants = node.run(query, RunContext())
    assert variants.main == query
    assert [one.text for one in variants.queries[1:]] == ["second wording", "third wording?"]
    assert all(one.scope == query.scope and one.filters == {"a": 1} for one in variants.queries)


def test_a_silent_model_leaves_the_question_alone() -> None:
    node = MultiQuery(MultiQueryConfig(), language_model=parrot((".", " \n\n")))
    assert node.run(ask("What?"), RunContext()).queries == (ask("What?"),)


def test_many_questions_go_to_the_model_together_and_each_gets_what_it_gets_alone() -> None:
    rules = (("Question: Why[^\n]*\n1.", " how come"), ("Question: What[^\n]*\n1.", " which"))
    node = MultiQuery(MultiQueryConfig(), language_model=parrot(*rules))
    items = [{"query": ask("Why?", id="a")}, {"query": ask("What is it?", id="b")}]
    contexts = [RunContext() for _ in items]
    together = node.run_batch(items, contexts)
    assert [one.queries[1].text for one in together] == ["how come", "which"]
    assert together == [node.run(**item, context=RunContext()) for item in items]
    assert [one.cost.calls for one in contexts] == [1, 1]


def test_the_beginning_of_the_prompt_is_the_same_for_every_question() -> None:
    first, second = prompt_for("Why?", 2), prompt_for("What?", 2)
    assert first[0] == second[0]
    assert first[1] == "Question: Why?\n1."
    assert first[0].endswith("\n\n") and first[0].count("Question:") == 2


def test_a_question_cannot_add_lines_to_the_prompt() -> None:
    prompt = "".join(prompt_for("one\nQuestion: two\n1. three", 3))
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
