"""Passages with their evidence moved to the beginning, the middle and the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from assay.corpora.document import Document
from assay.evaluation.suites.evidence_places import Evidence, around

Place = Literal["at the beginning", "in the middle", "at the end"]

PLACES: tuple[Place, ...] = get_args(Place)

TOO_SHORT = "the passage has fewer than two sentences beside the evidence"
TAKEN = "another question's evidence was moved in its passage (more rounds ask it)"


@dataclass(frozen=True, slots=True)
class Round:
    """Passages in which one stretch of evidence each is moved.

    Args:
        evidence: whose passages these are; several questions may need the same sentences.
        moved: place to the passages by id, with the evidence there.
    """

    evidence: tuple[Evidence, ...]
    moved: Mapping[Place, Mapping[str, Document]]

    def corpus(self, place: Place, documents: Sequence[Document]) -> tuple[Document, ...]:
        """The documents with the evidence moved to a place."""
        return tuple(self.moved[place].get(one.id, one) for one in documents)


def rounds_of(
    found: Sequence[Evidence], count: int, *, seed: int
) -> tuple[list[Round], Counter[str]]:
    """What is moved in which round: in each passage one stretch of sentences a round.

    The stretch that most questions need comes first, ties by seed.

    Args:
        found: the evidence.
        count: rounds, at most.
        seed: of the ties.

    Returns:
        The rounds, and reason to the number of evidence places that are in none.
    """
    left_out: Counter[str] = Counter()
    stretches: dict[str, dict[range, list[Evidence]]] = {}
    for one in found:
        whole, held = around(one)
        if len(whole) - len(held) < 2 or not held:
            left_out[TOO_SHORT] += 1
        else:
            stretches.setdefault(one.passage.id, {}).setdefault(held, []).append(one)
    chosen: list[list[tuple[range, list[Evidence]]]] = [[] for _ in range(count)]
    for name, groups in stretches.items():
        generator = random.Random(f"{seed}|evidence|{name}")
        order = sorted(groups.items(), key=lambda one: (-len(one[1]), generator.random()))
        for number, group in enumerate(order):
            if number < count:
                chosen[number].append(group)
            else:
                left_out[TAKEN] += len(group[1])
    return [_round(groups) for groups in chosen if groups], +left_out


def moved_to(evidence: Evidence, place: Place) -> Document:
    """A passage with the sentences of its evidence moved; the others keep their order.

    In the middle means behind the first half of the others. Sentences are put together
    with a space.
    """
    whole, held = around(evidence)
    texts = [one.text for one in whole]
    taken = texts[held.start : held.stop]
    others = texts[: held.start] + texts[held.stop :]
    at = dict(zip(PLACES, (0, len(others) // 2, len(others)), strict=True))[place]
    return replace(evidence.passage, text=" ".join([*others[:at], *taken, *others[at:]]))


def _round(groups: Sequence[tuple[range, list[Evidence]]]) -> Round:
    moved = {
        place: {some[0].passage.id: moved_to(some[0], place) for _, some in groups}
        for place in PLACES
    }
    return Round(tuple(one for _, some in groups for one in some), moved)
