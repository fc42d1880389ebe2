"""The parts of the speed benchmark run on small models, and its table says what was measured."""

from __future__ import annotations

import pytest

from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig
from benchmarks import rerank_speed

FEW = rerank_speed.Sizes(passages=4, tokens=12, repeats=2, sampled=2)


def words() -> TableLanguageModel:
    """Writes one letter after another, and takes all words for about as likely."""
    return TableLanguageModel(
        TableLanguageModelConfig(
            rows=[
                TableRow(after=r".*\[", then=dict.fromkeys("ABCD", 0.1)),
                TableRow(after=r".*\[[A-D]", then={"]": 0.9}),
                TableRow(after=r".*\[[A-D]\] >", then={" [": 0.9}),
                TableRow(after=r".*\[[A-D]\]", then={" >": 0.9}),
                TableRow(after=r".*assistant:", then={"[": 0.9}),
                TableRow(after=r".*Answer:", then={" yes": 0.4, " no": 0.3}),
            ],
            otherwise={"": 0.1},
            context_tokens=50_000,
        )
    )


def test_the_reranker_computes_what_passages_share_once_and_the_loop_does_not() -> None:
    ours, loop = rerank_speed.likelihood(words(), FEW)
    assert (ours.calls, loop.calls) == (4, 4)
    assert ours.tokens_in == pytest.approx(loop.tokens_in, rel=0.1)
    assert ours.computed < loop.computed == loop.tokens_in
    assert (ours.sampled, loop.sampled) == (4, 2)
    assert len(ours.seconds) == len(loop.seconds) == 2


def test_first_needs_the_same_calls_and_writes_nothing() -> None:
    first, listwise = rerank_speed.first(words(), FEW)
    assert (first.calls, first.rounds) == (listwise.calls, listwise.rounds) == (1, 1)
    assert first.tokens_out == 0 < listwise.tokens_out


def test_attention_needs_two_passes_and_not_one_a_passage() -> None:
    attention, pointwise = rerank_speed.attention(words(), FEW)
    assert (attention.calls, pointwise.calls) == (2, 4)


def test_the_table_has_a_row_for_each_way() -> None:
    rows = rerank_speed.likelihood(words(), FEW)
    table = rerank_speed.markdown(rows).splitlines()
    assert len(table) == 2 + len(rows)
    assert "| rerank.query_likelihood | 4 | 4 | 1 |" in table[2]
