"""What can be said of a question without its answer, for comparing two sets of questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.suites.candidate_bm25 import CandidateBm25
from assay.evaluation.suites.ranked_passages import texts_of

LENGTH = "words"
UNKNOWN = "words unknown to the reference"
UNCOVERED = "words in none of its passages"
BM25 = "best bm25 score, a word"


class Vocabulary:
    """Words of a set's questions and passages.

    Args:
        questions: the set's questions.
        dataset: has its passages.
        analyzer: makes terms.
    """

    def __init__(
        self, questions: Sequence[LabelledQuery], dataset: Dataset, analyzer: Analyzer
    ) -> None:
        self._analyzer = analyzer
        self._in_questions: Counter[str] = Counter()
        for one in questions:
            self._in_questions.update(set(analyzer.terms(one.text)))
        self.in_passages = frozenset(
            term for text in texts_of(dataset.documents).values() for term in analyzer.terms(text)
        )
        """Terms of the set's passages."""

    def unknown(self, query: LabelledQuery, *, own: bool) -> float | None:
        """Share of a question's words that neither another question nor a passage has.

        Args:
            query: the question.
            own: whether it is one of the set's: then its own words do not count as known.

        Returns:
            None where it has no words but stop words.
        """
        terms = set(self._analyzer.terms(query.text))
        least = 2 if own else 1
        return _share(
            one not in self.in_passages and self._in_questions[one] < least for one in terms
        )


def text_features(
    queries: Sequence[LabelledQuery],
    dataset: Dataset,
    analyzer: Analyzer,
    reference: Vocabulary,
    *,
    own: bool,
) -> dict[str, list[float | None]]:
    """Values of each question by feature; None where one has none.

    ``words`` is the length; ``words unknown to the reference`` the share of content words
    that stand in no passage and no other question of the reference; ``words in none of its
    passages`` the share that stands in no passage of the question's own set; ``best bm25
    score, a word`` the highest BM25 score over the set's passages, those of the question's
    ``meta.scope`` where it has one, over its number of content words.

    Args:
        queries: the questions.
        dataset: their set, with its passages.
        analyzer: makes terms.
        reference: words of the reference set.
        own: whether these are the reference's own questions.
    """
    passages = frozenset(
        term for text in texts_of(dataset.documents).values() for term in analyzer.terms(text)
    )
    return {
        LENGTH: [float(len(one.text.split())) for one in queries],
        UNKNOWN: [reference.unknown(one, own=own) for one in queries],
        UNCOVERED: [
            _share(term not in passages for term in set(analyzer.terms(one.text)))
            for one in queries
        ],
        BM25: _best_scores(queries, dataset, analyzer),
    }


def _best_scores(
    queries: Sequence[LabelledQuery], dataset: Dataset, analyzer: Analyzer
) -> list[float | None]:
    texts = texts_of(dataset.documents)
    engine = CandidateBm25(list(texts.values()), analyzer)
    inside: dict[tuple[str, object], np.ndarray] = {}
    found: list[float | None] = []
    for query in queries:
        terms = analyzer.terms(query.text)
        scores = engine.scores(query.text)
        scope: Mapping[str, object] | None = query.meta.get("scope")
        if scope is not None:
            key = (str(scope["field"]), scope["value"])
            if key not in inside:
                inside[key] = np.array(
                    [one.metadata.get(key[0]) == key[1] for one in dataset.documents]
                )
            scores = scores[inside[key]]
        found.append(float(scores.max()) / len(terms) if terms and len(scores) else None)
    return found


def _share(found: Iterable[bool]) -> float | None:
    values = [float(one) for one in found]
    return sum(values) / len(values) if values else None
