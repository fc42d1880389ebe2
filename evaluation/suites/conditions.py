"""Conditions that a passage meets, taken from its own sentences by rules, without a model."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from assay.corpora.analyzer import Analyzer
from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.document import Document
from assay.corpora.matching import is_correct, normalise_answer
from assay.evaluation.suites.evidence_places import LABELS
from assay.pipeline.sentences import Sentence, sentences

MET = "-met-"
"""Stands in the id of a variant before the number of conditions that it meets."""

NO_PASSAGE = "no relevant passage"
TOO_FEW = "no relevant passage has enough sentences with words of their own"
TAKEN = "its passages are taken by other questions"

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_FILLERS = 200
"""Sentences of other passages among which the one of the nearest length is taken."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Words that a passage must hold.

    Args:
        words: as written in the passage, in their order.
        terms: their index terms; a text that holds all of them meets the condition.
        place: of the sentence that they are from.
        sentence: its text.
    """

    words: tuple[str, ...]
    terms: frozenset[str]
    place: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Family:
    """A question, a passage, and the passage with fewer conditions met.

    Args:
        query: the question.
        passage: relevant to it; meets all conditions.
        conditions: in the order in which they are asked.
        variants: the passage with the sentences of all but the first 0, 1, ... conditions
            exchanged for others; one fewer than there are conditions and the passage.
    """

    query: LabelledQuery
    passage: Document
    conditions: tuple[Condition, ...]
    variants: tuple[Document, ...]

    def met(self, asked: int) -> dict[str, int]:
        """Passage id to how many of the first ``asked`` conditions it meets."""
        whole = (*self.variants, self.passage)
        return {one.id: min(number, asked) for number, one in enumerate(whole)}


class Families:
    """Makes families of a labelled set.

    A condition is made of the ``words`` rarest words of a sentence (by idf over the set's
    passages) that stand in no other sentence of the passage, in its title or in the
    question; a sentence that holds evidence or an accepted answer gives none, so that all
    variants answer the question. Of a passage's sentences those with the rarest words are
    taken, in an order drawn by seed. A condition is unmet where its sentence is exchanged
    for one of another passage, of about its length, that holds none of the words and no
    accepted answer.

    Args:
        dataset: the labelled set.
        analyzer: makes terms.
        seed: of every choice.
    """

    def __init__(self, dataset: Dataset, analyzer: Analyzer, *, seed: int) -> None:
        self._dataset = dataset
        self._analyzer = analyzer
        self._seed = seed
        self._documents = {one.id: one for one in dataset.documents}
        counts: Counter[str] = Counter()
        for one in dataset.documents:
            counts.update(set(analyzer.terms(f"{one.title} {one.text}")))
        self._counts: Mapping[str, int] = counts
        self._fillers = [
            (one.id, sentence.text)
            for one in dataset.documents
            for sentence in sentences(one.text)
            if len(sentence.text.split()) > 3
        ]

    def make(self, count: int, words: int) -> tuple[list[Family], Counter[str]]:
        """A family for each question that has one; no passage is in two families.

        Args:
            count: conditions of a family.
            words: of a condition.

        Returns:
            The families, and reason to the number of questions without one.
        """
        taken: set[str] = set()
        left_out: Counter[str] = Counter()
        found: list[Family] = []
        for query in self._dataset.queries:
            grades = self._dataset.qrels.get(query.id, {})
            names = sorted(
                (name for name, grade in grades.items() if grade > 0 and name in self._documents),
                key=lambda name: -grades[name],
            )
            free = [name for name in names if name not in taken]
            family = next(
                (made for name in free if (made := self._family(query, name, count, words))), None
            )
            if family is not None:
                taken.add(family.passage.id)
                found.append(family)
            else:
                left_out[TOO_FEW if free else TAKEN if names else NO_PASSAGE] += 1
        return found, left_out

    def _family(self, query: LabelledQuery, name: str, count: int, words: int) -> Family | None:
        passage = self._documents[name]
        whole = sentences(passage.text)
        known = [set(self._analyzer.terms(one.text)) for one in whole]
        said = set(self._analyzer.terms(f"{passage.title} {query.text}"))
        possible: list[tuple[float, Condition]] = []
        for place in self._free(query, passage, whole):
            others = said.union(*(one for at, one in enumerate(known) if at != place))
            made = self._condition(whole[place].text, place, others, words)
            if made is not None:
                possible.append(made)
        possible.sort(key=lambda one: -one[0])
        if len(possible) < count:
            return None
        generator = random.Random(f"{self._seed}|conditions|{query.id}|{name}")
        conditions = [one for _, one in possible[:count]]
        generator.shuffle(conditions)
        variants = self._variants(query, passage, whole, conditions, generator)
        return Family(query, passage, tuple(conditions), variants) if variants else None

    def _free(
        self, query: LabelledQuery, passage: Document, whole: Sequence[Sentence]
    ) -> list[int]:
        """Places of sentences that hold no evidence and no accepted answer."""
        spans = [
            (one.start, one.end)
            for one in self._dataset.spans.get(query.id, ())
            if one.document_id == passage.id
        ]
        return [
            place
            for place, one in enumerate(whole)
            if not _answers(one.text, query)
            and not any(start < one.end and one.start < end for start, end in spans)
        ]

    def _condition(
        self, sentence: str, place: int, others: Collection[str], words: int
    ) -> tuple[float, Condition] | None:
        """The rarest words of a sentence with the sum of their idf."""
        rare: dict[str, tuple[float, int, str]] = {}
        for match in _WORD.finditer(sentence):
            terms = self._analyzer.terms(match.group())
            if len(terms) == 1 and terms[0] not in others and len(match.group()) > 2:
                idf = math.log(len(self._documents) / max(self._counts.get(terms[0], 0), 1))
                rare.setdefault(terms[0], (idf, match.start(), match.group()))
        best = sorted(rare.items(), key=lambda one: (-one[1][0], one[1][1]))[:words]
        if len(best) < words:
            return None
        best.sort(key=lambda one: one[1][1])
        made = Condition(
            tuple(word for _, (_, _, word) in best),
            frozenset(term for term, _ in best),
            place,
            sentence,
        )
        return sum(idf for _, (idf, _, _) in best), made

    def _variants(
        self,
        query: LabelledQuery,
        passage: Document,
        whole: Sequence[Sentence],
        conditions: Sequence[Condition],
        generator: random.Random,
    ) -> tuple[Document, ...]:
        """Variants that meet the first 0, 1, ... conditions; none where no filler fits."""
        terms = frozenset[str]().union(*(one.terms for one in conditions))
        sample = generator.sample(self._fillers, min(_FILLERS, len(self._fillers)))
        relevant = self._dataset.qrels.get(query.id, {})
        fitting = [
            text
            for name, text in sample
            if name != passage.id
            and relevant.get(name, 0) <= 0
            and terms.isdisjoint(self._analyzer.terms(text))
            and not _answers(text, query)
        ]
        if len(fitting) < len(conditions):
            return ()
        instead: dict[int, str] = {}
        for one in conditions:
            text = min(fitting, key=lambda text: abs(len(text) - len(one.sentence)))
            fitting.remove(text)
            instead[one.place] = text
        return tuple(
            replace(
                passage,
                id=f"{passage.id}{MET}{met}",
                text=" ".join(
                    instead[place] if place in {one.place for one in conditions[met:]} else one.text
                    for place, one in enumerate(whole)
                ),
            )
            for met in range(len(conditions))
        )


def _answers(text: str, query: LabelledQuery) -> bool:
    """Whether a text holds an accepted answer; labels are not looked for."""
    wanted = [one for one in query.answers if normalise_answer(one) not in LABELS]
    return is_correct(text, wanted)
