"""What the texts of several rankings' passages say about a query: plain word overlap, no models.

The pool is all passages that are looked at, and stands for the corpus where words are counted. Of
each passage d, over the query's terms t in their order:

    evidence(d) = sum over t of idf(t) * tf / (tf + k1 * (1 - b + b * length / mean length))
    coverage(d) = sum of idf(t) over the t that d has / sum of idf(t) over all t
    phrases(d)  = sum of idf(s) + idf(t) over the pairs s, t that d has side by side
                  / the same sum over all pairs of neighbours in the query
    idf(t)      = ln(1 + (N - n(t) + 1/2) / (n(t) + 1/2)),  k1 = 0.9,  b = 0.4

``surplus(d)`` is the evidence less what passages of d's length have: the residual of the least
squares line of evidence over ``ln(1 + length)`` in the pool. Long passages have more of any query's
words, of another query's, too.

Sources: evidence is Lucene's form of BM25 (Kamphuis et al. 2020, "Which BM25 do you mean?", ECIR,
table 1). Phrases are the ordered features of Metzler and Croft 2005, "A Markov random field model
for term dependencies", SIGIR, section 2.2, sequential dependence, for pairs and with the pairs'
presence where that has their frequency: a second mention says little of a passage.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

from assay.corpora.analyzer import Analyzer
from assay.corpora.rendering import readable, rendered
from assay.pipeline.words import Passage, Ranking

K1, B = 0.9, 0.4

SHORTEST = 3
"""Characters that a title has at least to be looked for in a text."""

_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True, slots=True)
class Pool:
    """The passages looked at, and what their texts say; by passage id.

    Args:
        text: the query's.
        passages: each once.
        evidence: at least 0.
        surplus: with the sum 0.
        coverage: 0 to 1.
        phrases: 0 to 1; 0 for all where the query has no two terms.
        analyzer: cuts texts into terms.
    """

    text: str
    passages: Mapping[str, Passage]
    evidence: Mapping[str, float]
    surplus: Mapping[str, float]
    coverage: Mapping[str, float]
    phrases: Mapping[str, float]
    analyzer: Analyzer

    @property
    def tells(self) -> bool:
        """Whether some passage has more evidence than another."""
        return len(set(self.evidence.values())) > 1

    def namings(self, sources: Collection[str]) -> dict[str, list[str]]:
        """Passages whose title stands in the text of one of the sources, with those sources.

        Letters' case and a last part in brackets ("Mercury (planet)") do not count; the title must
        stand there as whole words, hold ``SHORTEST`` characters and one index term, and differ
        from that of the source, for sections of one document often share a title.

        Cost: a search for every title in every source's text; nothing is analysed but titles that
        were found.

        Args:
            sources: passage ids of the pool.
        """
        titles = {name: _title(passage) for name, passage in self.passages.items()}
        texts = {name: readable(self.passages[name].text).casefold() for name in sources}
        whole_text = "\n".join(texts.values())
        found: dict[str, list[str]] = {}
        for name, title in titles.items():
            if len(title) < SHORTEST or title not in whole_text:
                continue
            where = [one for one, text in texts.items() if title in text and titles[one] != title]
            if where and self.analyzer.terms(title):
                whole = re.compile(rf"(?<!\w){re.escape(title)}(?!\w)")
                if naming := [one for one in where if whole.search(texts[one])]:
                    found[name] = naming
        return found


def look_at(text: str, rankings: Mapping[str, Ranking], *, analyzer: Analyzer, look: int) -> Pool:
    """The pool of some rankings.

    Cost: no model calls; every passage that is looked at is cut into words once.

    Args:
        text: the query's.
        rankings: by name.
        analyzer: cuts query and passages into terms.
        look: hits of each ranking that are looked at, from 1.
    """
    passages = {hit.passage.id: hit.passage for one in rankings.values() for hit in one.hits[:look]}
    asked = analyzer.terms(readable(text))
    terms = dict.fromkeys(asked)
    pairs = frozenset(pairwise(asked))
    counts: dict[str, Counter[str]] = {}
    neighbours: dict[str, frozenset[tuple[str, str]]] = {}
    lengths: dict[str, int] = {}
    for name, passage in passages.items():
        there = analyzer.terms(rendered(passage))
        lengths[name] = len(there)
        counts[name] = Counter(filter(terms.__contains__, there))
        neighbours[name] = (
            pairs.intersection(pairwise(there)) if counts[name].total() > 1 else frozenset()
        )
    idf = _idf(terms, counts)
    mean = math.fsum(lengths.values()) / max(1, len(lengths)) or 1.0
    evidence: dict[str, float] = {}
    for name, own in counts.items():
        soft = K1 * (1 - B + B * lengths[name] / mean)
        evidence[name] = math.fsum([idf[term] * tf / (tf + soft) for term, tf in own.items()])
    whole = math.fsum(idf.values()) or 1.0
    joint = {(one, after): idf[one] + idf[after] for one, after in pairs}
    together = math.fsum(joint.values()) or 1.0
    return Pool(
        text=text,
        passages=passages,
        evidence=evidence,
        surplus=_surplus(evidence, lengths),
        coverage={
            name: math.fsum([idf[term] for term in own]) / whole for name, own in counts.items()
        },
        phrases={
            name: math.fsum([joint[pair] for pair in own]) / together if own else 0.0
            for name, own in neighbours.items()
        },
        analyzer=analyzer,
    )


def _surplus(evidence: Mapping[str, float], lengths: Mapping[str, int]) -> dict[str, float]:
    """Residuals of evidence over ``ln(1 + length)``; less the mean where lengths are all alike."""
    if not evidence:
        return {}
    longer = {name: math.log1p(length) for name, length in lengths.items()}
    centre = math.fsum(longer.values()) / len(longer)
    middle = math.fsum(evidence.values()) / len(evidence)
    spread = math.fsum((one - centre) ** 2 for one in longer.values())
    joint = math.fsum((longer[name] - centre) * (own - middle) for name, own in evidence.items())
    slope = joint / spread if len(set(lengths.values())) > 1 else 0.0
    # Rounded, for what length explains wholly leaves a trace of its own.
    return {
        name: round(own - middle - slope * (longer[name] - centre), 12)
        for name, own in evidence.items()
    }


def _idf(terms: Collection[str], counts: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    having = Counter(chain.from_iterable(counts.values()))
    size = len(counts)
    return {
        term: math.log(1 + (size - having[term] + 0.5) / (having[term] + 0.5)) for term in terms
    }


def _title(passage: Passage) -> str:
    title = passage.title if passage.title.isascii() else readable(passage.title)
    # Most titles have no brackets, and there are many titles.
    return (_ASIDE.sub("", title) if title.rstrip().endswith(")") else title).strip().casefold()
