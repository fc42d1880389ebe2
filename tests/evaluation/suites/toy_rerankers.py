"""Pointwise rerankers with a known fault, and a set to see it on."""

from __future__ import annotations

from collections.abc import Sequence

from assay.corpora.dataset import Dataset, EvidenceSpan, LabelledQuery
from assay.pipeline import Passage, Query, RunContext, register
from assay.pipeline.context import Cost
from assay.pipeline.text import content_words
from assay.pipeline.words import ScoreKind
from assay.stages.rerank.pointwise import PointwiseConfig, PointwiseRerank
from assay.stages.windows.window import Sizes
from tests.evaluation.made import dataset, document


class _Toy(PointwiseRerank):
    Config = PointwiseConfig

    @property
    def kind(self) -> ScoreKind:
        return ScoreKind.LOGIT

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        return Cost(calls=n)


@register("toys.myopic@1")
class Myopic(_Toy):
    """Counts shared words in the first forty characters alone."""

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        return [float(_shared(query.text, one.text[:40])) for query, one in pairs]


@register("toys.crowd@1")
class Crowd(_Toy):
    """Turns its scores around when it sees few passages: no pointwise reranker at all."""

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        sizes = {query.id: 0 for query, _ in pairs}
        for query, _ in pairs:
            sizes[query.id] += 1
        return [
            (-1.0 if sizes[query.id] < 5 else 1.0) * _shared(query.text, one.text)
            for query, one in pairs
        ]


@register("toys.fewest@1")
class Fewest(_Toy):
    """Likes passages that share few words with the question."""

    def scores(
        self, pairs: Sequence[tuple[Query, Passage]], contexts: Sequence[RunContext]
    ) -> Sequence[float]:
        return [-float(_shared(query.text, one.text)) for query, one in pairs]


TOYS = {one.name: one for one in (Myopic, Crowd, Fewest)}


def _shared(question: str, text: str) -> int:
    return len(set(content_words(question)) & set(content_words(text)))


RIVERS = ("Arn", "Bex", "Cul", "Dov", "Esk", "Fal", "Gar", "Hul", "Ine", "Jor", "Kel", "Lud")


def rivers() -> Dataset:
    """Twelve passages of four sentences; the evidence stands in one, by turns in each."""
    documents, queries, qrels, spans = [], [], {}, {}
    for number, river in enumerate(RIVERS):
        evidence = f"The bridge across the {river} was opened by mayor Number{number}."
        others = [
            f"Herons{number} nest beside slow water{number} every spring.",
            f"Millers{number} once sold flour{number} to distant farms.",
            f"Boats{number} carry gravel{number} through a narrow lock.",
        ]
        place = number % 4
        text = " ".join([*others[:place], evidence, *others[place:]])
        documents.append(document(river.lower(), text))
        name = f"q-{river.lower()}"
        queries.append(
            LabelledQuery(
                name, f"Who opened the bridge across the {river}?", (f"Number{number}",), True
            )
        )
        qrels[name] = {river.lower(): 1}
        start = text.index(evidence)
        spans[name] = (EvidenceSpan(river.lower(), start, start + len(evidence), evidence),)
    return dataset(queries, documents, qrels, spans)
