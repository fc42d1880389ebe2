"""The baseline keeps a number of passages, whatever their scores."""

from __future__ import annotations

from assay.corpora.corpus import Corpus
from assay.stages.select.top_k import TopK, TopKConfig
from tests.conformance.samples import Sample, asked
from tests.words import hit, query, ranking


def sample(corpus: Corpus) -> Sample:
    return Sample(asked(), config={"k": 1})


def test_the_first_k_are_kept_and_it_may_be_none() -> None:
    ranked = ranking(hit("a"), hit("b"))
    assert TopK(TopKConfig(k=1)).run(query(), ranked).ids == ("a",)
    assert TopK(TopKConfig(k=0)).run(query(), ranked).kept == ()
    assert TopK(TopKConfig(k=9)).run(query(), ranked).dropped == ()
