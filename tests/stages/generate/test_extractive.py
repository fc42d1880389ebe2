"""The extractive generator: whole batches, and the kind of its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline import Abstention, Answer, RunContext, ScoreKind
from assay.pipeline.component import Config
from assay.stages.generate.extractive import Extractive, ExtractiveConfig
from tests.words import hit, query, selection

TUPLE = hit("a", "Lists can change. A tuple is an immutable sequence. It may be empty.")
OTHER = hit("b", "A dictionary maps keys to values, one each.")


class Likelihood(CrossEncoder):
    """Shorter is likelier."""

    kind = ScoreKind.LIKELIHOOD

    def fingerprint(self) -> str:
        return "likelihood"

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        return np.array([-len(text) for _, text in pairs], dtype=np.float32)


def test_queries_of_a_batch_each_get_the_answer_that_they_would_get_alone() -> None:
    node = Extractive(ExtractiveConfig(), model=OverlapCrossEncoder(Config()))
    asked = [
        (query("what is a tuple"), selection(TUPLE, OTHER)),
        (query("what is a tuple"), selection()),
        (query("what does a dictionary map"), selection(TUPLE, OTHER)),
    ]
    contexts = [RunContext() for _ in asked]
    found = node.run_batch([{"query": q, "selection": s} for q, s in asked], contexts)
    assert found == [node.run(q, s, RunContext()) for q, s in asked]
    first, second, third = found
    assert isinstance(first, Answer) and first.evidence == (TUPLE.passage,)
    assert isinstance(second, Abstention)
    assert isinstance(third, Answer) and third.evidence == (OTHER.passage,)
    assert [one.cost.calls for one in contexts] == [4, 0, 4]


def test_confidence_is_of_the_kind_that_the_model_names() -> None:
    node = Extractive(ExtractiveConfig(), model=Likelihood(Config()))
    answer = node.run(query("what is a tuple"), selection(TUPLE), RunContext())
    assert isinstance(answer, Answer) and answer.confidence is not None
    assert answer.confidence.kind is ScoreKind.LIKELIHOOD
    assert answer.text == "It may be empty."


def test_nothing_is_quoted_over_what_a_selector_left_out() -> None:
    whole = "A tuple is short. Cats purr. A tuple is fixed."
    text = "A tuple is short.\n\nA tuple is fixed."
    short = replace(TUPLE.passage, text=text, start=0, end=46, pieces=((0, 17), (29, 46)))
    node = Extractive(ExtractiveConfig(answer_sentences=2), model=OverlapCrossEncoder(Config()))
    chosen = selection(replace(TUPLE, passage=short))
    found = node.run(query("what is a tuple"), chosen, RunContext())
    assert isinstance(found, Answer)
    assert found.text in whole
    assert found.text in ("A tuple is short.", "A tuple is fixed.")
