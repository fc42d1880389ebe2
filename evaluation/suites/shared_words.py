"""Whether a question and a passage have a word in common."""

from __future__ import annotations

from assay.corpora.dataset import Dataset
from assay.corpora.stop_words import StopWords
from assay.evaluation.suites.candidate_bm25 import analyzer_for
from assay.evaluation.suites.ranked_passages import texts_of


class SharedWords:
    """Whether a question and a passage have a word in common; remembers the passages' words.

    Args:
        dataset: has the passages.
        language: of stemmer and stop words.
    """

    def __init__(self, dataset: Dataset, language: StopWords) -> None:
        self._texts = texts_of(dataset.documents)
        self._analyzer = analyzer_for(language)
        self._words: dict[str, frozenset[str]] = {}
        self._asked: dict[str, frozenset[str]] = {}
        self.unknown: set[str] = set()
        """Passages whose text is not in the set."""

    def shared(self, question: str, passage: str) -> bool:
        """True as well where the passage's text is not known."""
        text = self._texts.get(passage)
        if text is None:
            self.unknown.add(passage)
            return True
        if passage not in self._words:
            self._words[passage] = frozenset(self._analyzer.terms(text))
        if question not in self._asked:
            self._asked[question] = frozenset(self._analyzer.terms(question))
        return not self._asked[question].isdisjoint(self._words[passage])
