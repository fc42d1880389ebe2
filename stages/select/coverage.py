"""Keep passages until every aspect of the question is covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.corpora.analyzer import Analyzer, StemmerName, StopWords
from assay.corpora.fusion import Scheme, normalised
from assay.corpora.rendering import rendered
from assay.pipeline.component import Node, register
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, QueryVariants, Ranking, Rationale, Selection
from assay.stages.rerank.diversity import xquad
from assay.stages.rerank.similarity_matrix import idf_of
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.word_overlap import content_terms

NAMED = 4
"""Aspects that one reason names; of more their number is told."""

ROUNDING = 1e-9


class CoverageConfig(Bounds):
    """Settings of ``select.coverage@1``."""

    aspects: Literal["words", "wordings"] = Field(
        "words",
        description="what the aspects are: the question's content words, or wordings of it, such as"
        " the questions that it is made of (port 'variants')",
    )
    strength: float = Field(
        1.0,
        gt=0,
        le=1,
        description="how far one passage that has an aspect covers it; 0.6 asks for two of them",
    )
    enough: float = Field(
        0.8, gt=0, le=1, description="coverage at which nothing more is wanted of an aspect"
    )
    share: float = Field(
        0.5, ge=0, le=1, description="weight of relevance; aspects not covered yet have the rest"
    )
    scheme: Scheme = Field("z_score", description="how scores become relevances of 0 to 1")
    depth: int = Field(10, ge=1, le=1000, description="best hits that are looked at")
    wordings: int = Field(8, ge=1, le=50, description="most wordings that are taken, as they come")
    stemmer: StemmerName = Field(
        "english", description="language by which word endings are folded when texts are compared"
    )
    stop_words: StopWords = Field(
        "english", description="language whose function words are no aspects"
    )


@dataclass(frozen=True, slots=True)
class _Aspect:
    """What a question asks for: a name for people, and terms with weights that add up to 1."""

    name: str
    terms: Mapping[str, float]


@register("select.coverage@1")
class Coverage(Node):
    """As many passages as it takes until every aspect of the question is covered.

    An aspect is a content word of the question, or a wording of it. A passage has a word or not; of
    a wording it has the share of its words, weighted by how rare they are among the passages. Kept
    passages cover an aspect by ``1 - prod(1 - strength * share)``. Passages are taken in the order
    of xQuAD (Santos et al. 2010; ``assay.stages.rerank.diversity``), those that add to no aspect
    are passed over, and it ends when each aspect that any passage has reached ``enough``. It says
    of each aspect which passages it was covered by; of one that nothing covers, that too.

    What a question asks for in other words than the passages have is not seen: wordings by a model
    help. Relevance is over the leading hits with scores of one kind; those behind have 0. Cost: no
    model calls; the words of ``depth`` passages.
    """

    Config = CoverageConfig

    def __init__(self, config: CoverageConfig) -> None:
        super().__init__(config)
        self._analyzer = Analyzer(stop_words=config.stop_words, stemmer=config.stemmer)
        self._plain = Analyzer(stemmer=config.stemmer)

    def run(
        self, query: Query, ranking: Ranking, variants: QueryVariants | None = None
    ) -> Selection:
        """Select; the kept stand in the order of the ranking.

        Raises:
            UsageError: if ``variants`` is fed and not read, or the other way about.
        """
        config = self.config
        if (variants is not None) != (config.aspects == "wordings"):
            raise UsageError(
                f"{self.name}: 'aspects' is {config.aspects}, but the port 'variants' is"
                f" {'fed' if variants is not None else 'not fed'}: change one of the two"
            )
        head = ranking.hits[: config.depth]
        texts = [frozenset(self._analyzer.terms(rendered(hit.passage))) for hit in head]
        plain = [frozenset(self._plain.terms(rendered(hit.passage))) for hit in head]
        has = [one | other for one, other in zip(texts, plain, strict=True)]
        aspects = self._aspects(query, variants, has)
        shares = np.array(
            [
                [sum(weight for term, weight in one.terms.items() if term in own) for own in has]
                for one in aspects
            ]
        ).reshape(len(aspects), len(head))
        taken, found = self._taken(ranking, head, shares)
        wanted = len(taken)
        order = [*taken, *(place for place in range(len(head)) if place not in taken)]
        size = config.bounded(wanted, len(head))
        end = config.bound(wanted, size)
        kept = sorted(order[:size])
        reasons = {
            place: f"place {place + 1}, covers {_list([aspects[one].name for one in taken[place]])}"
            if place in taken
            else f"place {place + 1}, {found[place]}{end}"
            for place in kept
        }

        def dropped(place: int, hit: Hit) -> str:
            if place >= len(head):
                return f"place {place + 1}, behind the first {config.depth} that are looked at"
            if place in taken:
                names = _list([aspects[one].name for one in taken[place]])
                return f"place {place + 1}, adds to {names}{end}"
            return f"place {place + 1}, {found[place]}"

        return chosen(
            query,
            ranking,
            [(head[place], reasons[place]) for place in kept],
            dropped,
            rationales=[
                Rationale(
                    one.name,
                    chosen=tuple(
                        (head[place].passage.id, round(float(shares[number, place]), 4))
                        for place in kept
                        if shares[number, place] > 0
                    ),
                )
                for number, one in enumerate(aspects)
            ],
        )

    def _aspects(
        self, query: Query, variants: QueryVariants | None, has: Sequence[frozenset[str]]
    ) -> list[_Aspect]:
        """What is asked for, with the weights of its words."""
        if variants is None:
            terms = content_terms(query.text, self._analyzer, self._plain)
            return [_Aspect(word, MappingProxyType({term: 1.0})) for term, word in terms.items()]
        counts = Counter(term for own in has for term in own)
        idf = idf_of(counts, len(has))
        rarest = idf_of({"": 1}, max(1, len(has)))[""]  # of a word that no passage has
        found = []
        for one in variants.queries[: self.config.wordings]:
            weights = {
                term: idf.get(term, rarest)
                for term in content_terms(one.text, self._analyzer, self._plain)
            }
            total = sum(weights.values())
            if total:
                shares = {term: weight / total for term, weight in weights.items()}
                found.append(_Aspect(one.text, MappingProxyType(shares)))
        return found

    def _taken(
        self, ranking: Ranking, head: Sequence[Hit], shares: NDArray[np.float64]
    ) -> tuple[dict[int, list[int]], dict[int, str]]:
        """Places that are kept, each with the aspects it adds to; of the others, why not."""
        config = self.config
        if not shares.size:
            return {}, dict.fromkeys(range(len(head)), "the question has no words to look for")
        degrees = config.strength * np.minimum(shares, 1.0)
        alike = ranking.alike[: config.depth]
        values = normalised(Ranking(ranking.query, alike, ranking.source), config.scheme)
        relevance = np.array(values + [0.0] * (len(head) - len(values)))
        weights = np.full(len(shares), 1 / len(shares))
        missing = np.ones(len(shares))
        taken: dict[int, list[int]] = {}
        left: dict[int, str] = {}
        for place in xquad(relevance, degrees, weights, config.share):
            open_ones = missing > 1 - config.enough + ROUNDING
            adds = [one for one in np.flatnonzero(open_ones) if degrees[one, place] > ROUNDING]
            if adds:
                taken[place] = [int(one) for one in adds]
                missing *= 1 - degrees[:, place]
            elif degrees[:, place].any():
                left[place] = "what it has of the question is covered by others"
            else:
                left[place] = "has nothing of what the question asks for"
        return taken, left


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
