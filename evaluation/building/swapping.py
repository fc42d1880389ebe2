"""Unanswerable questions by a swap: a date, quantity, name or code name of a question becomes
another one of which no passage tells the answer.

``swapped``: the new one stands nowhere in the corpus. ``look_alike``: it stands in the corpus,
beside other things; such a question looks like one that can be answered, and retrieval brings
passages about the new name and passages about the old fact, of which none answers. A swap is
checked: no passage that holds the new name may hold most of the question's other terms, nor may a
cross-encoder find that it answers. Cost: one cross-encoder call for each passage with the new
name that is pooled, at most ``TRIES`` times.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from assay.corpora.dataset import LabelledQuery
from assay.corpora.labelled_questions import question_id
from assay.corpora.matching import is_correct
from assay.evaluation.building.candidate import Candidate, Kind
from assay.evaluation.building.short_answers import spans_of
from assay.evaluation.building.tools import Tools
from assay.evaluation.wrong_answers import wrong_answer
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words, fold
from assay.pipeline.words import Passage

TRIES = 12
MOST_SHARED = 0.6
"""Share of the question's other terms from which a passage with the new name may answer it."""

Names = Mapping[str, tuple[str, ...]]
"""Kind to what stands in the corpus, each once, sorted."""


def names_in(passages: Sequence[Passage]) -> Names:
    """The dates, quantities, names and code names of a corpus."""
    found: dict[str, set[str]] = {}
    for passage in passages:
        for sentence in sentences(passage.text):
            for text, kind in spans_of(sentence.text):
                found.setdefault(kind, set()).add(fold(text))
    return {kind: tuple(sorted(texts)) for kind, texts in found.items()}


def swap(
    parent: Candidate, wanted: Kind, names: Names, tools: Tools, generator: random.Random
) -> Candidate | str:
    """A question that cannot be answered, or why there is none.

    Args:
        parent: answerable.
        wanted: ``swapped`` or ``look_alike``.
        names: those of the corpus.
        tools: of the build.
        generator: draws.
    """
    own = [
        (text, kind) for text, kind in spans_of(parent.text) if not is_correct(text, parent.answers)
    ]
    if not own:
        return "it names no date, quantity, name or code name"
    generator.shuffle(own)
    # A name of one word may be an adjective, which makes odd questions: it comes last.
    own.sort(key=lambda one: one[1] == "name" and " " not in one[0])
    tries = [
        (old, new)
        for old, kind in own
        for new in _others(old, kind, wanted, names, tools, generator)
    ][:TRIES]
    for old, new in tries:
        text = parent.text.replace(old, new)
        holders = [one for one in tools.library.passages if _holds(one, new)]
        if bool(holders) == (wanted == "look_alike") and not _answered(text, new, holders, tools):
            return Candidate(
                id=question_id(text),
                text=text,
                answers=(),
                answerable=False,
                kind=wanted,
                cluster=parent.cluster,
                parent=parent.id,
                flags=(f"swapped: '{new}' for '{old}'",),
                meta={"swapped": {"from": old, "to": new}},
            )
    return "no other name was found of which no passage tells the answer"


def _others(
    old: str, kind: str, wanted: Kind, names: Names, tools: Tools, generator: random.Random
) -> list[str]:
    known = [
        one
        for one in names.get(kind, ())
        if not _overlap(one, old) and len(one.split()) == len(old.split())
    ]
    if wanted == "look_alike":
        return generator.sample(known, min(TRIES, len(known)))
    if kind in ("date", "quantity"):
        query = LabelledQuery("", "", (old,), True)
        made = [wrong_answer(query, (), generator) for _ in range(TRIES)]
        return list(dict.fromkeys(one.text for one in made if one is not None))
    parts = old.split()
    first, last = parts[0], parts[-1]
    if first == last:
        return []
    mixed = [f"{one.split()[0]} {last}" for one in known] + [
        f"{first} {one.split()[-1]}" for one in known
    ]
    return generator.sample(mixed, min(TRIES, len(mixed)))


def _overlap(one: str, other: str) -> bool:
    return not set(content_words(one)).isdisjoint(content_words(other))


def _holds(passage: Passage, name: str) -> bool:
    text = f"{passage.title} {passage.text}"
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", fold(text), re.IGNORECASE) is not None


def _answered(text: str, new: str, holders: Sequence[Passage], tools: Tools) -> bool:
    """Whether a passage that holds the new name may answer the question."""
    rest = set(tools.terms(text)) - set(tools.terms(new))
    for one in holders:
        held = rest & set(tools.terms(f"{one.title} {one.text}"))
        if not rest or len(held) >= MOST_SHARED * len(rest):
            return True
    if tools.encoder is None or not holders:
        return False
    pooled = {one.id for one in tools.pool.together([text])}
    pairs = [(text, one.text) for one in holders if one.id in pooled]
    if not pairs:
        return False
    scores = tools.encoder.score(pairs, [tools.context] * len(pairs))
    return bool(max(scores.tolist()) >= 0.0)
