"""Mark edited copies among the selected passages, so that they count as one vote."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set

from pydantic import Field

from assay.corpora.normalise import normalise
from assay.guards.verify.question_echo import tokens
from assay.pipeline.component import Config, Node, register
from assay.pipeline.words import Flag, Passage, Query, Selection, Verdict, Verdicts


class NearDuplicatesConfig(Config):
    """Settings of ``verify.near_duplicates@1``."""

    shingle: int = Field(5, ge=1, le=20, description="words in a shingle")
    min_jaccard: float = Field(
        0.4, gt=0, le=1, description="Jaccard of the shingle sets from which two are copies"
    )
    min_word_overlap: float | None = Field(
        None, gt=0, le=1, description="Jaccard of the word sets that also makes copies; none: never"
    )


@register("verify.near_duplicates@1")
class NearDuplicates(Node):
    """Flag all but the best-placed copy among passages of different documents.

    ``identical``: the same words as a better-placed passage; one of them can go.
    ``near_duplicate``: an edited copy. It is one vote together with its original,
    and no ground to drop it: a contributor who copies a true passage and adds to
    it must not take the original out. The score is the Jaccard similarity to the
    nearest better-placed copy (Broder 1997, shingles, counted exactly here since
    a selection is short). Cost: no model calls; quadratic in the passages kept.
    """

    Config = NearDuplicatesConfig

    def run(self, query: Query, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        passages = [hit.passage for hit in selection.kept]
        read = [tokens(normalise(one.text).text) for one in passages]
        verdicts = tuple(
            Verdict(passage.id, self._flags(place, passages, read))
            for place, passage in enumerate(passages)
        )
        return Verdicts("verify.near_duplicates@1", verdicts)

    def _flags(
        self, place: int, passages: Sequence[Passage], read: Sequence[Sequence[str]]
    ) -> tuple[Flag, ...]:
        best: tuple[float, int] = (0.0, -1)
        for other in range(place):
            if passages[other].document_id == passages[place].document_id:
                continue
            if read[other] == read[place] and read[place]:
                reason = f"identical to {passages[other].id} of another document"
                return (Flag("identical", 1.0, reason),)
            found = copy_score(
                read[other],
                read[place],
                shingle=self.config.shingle,
                min_jaccard=self.config.min_jaccard,
                min_word_overlap=self.config.min_word_overlap,
            )
            best = max(best, (found, -1 - other))
        if not best[0]:
            return ()
        reason = f"duplicate of {passages[-1 - best[1]].id} ({best[0]:.0%} the same)"
        return (Flag("near_duplicate", best[0], reason),)


def copy_score(
    one: Sequence[str],
    other: Sequence[str],
    *,
    shingle: int,
    min_jaccard: float,
    min_word_overlap: float | None = None,
) -> float:
    """How alike two token sequences are where they count as copies, else 0.

    Args:
        one: tokens of a passage.
        other: tokens of another passage.
        shingle: words in a shingle; a shorter passage is one shingle.
        min_jaccard: from which shingle similarity they are copies.
        min_word_overlap: from which similarity of word sets they are; None: never.

    Returns:
        0, or the similarity that reached its threshold, in (0, 1].
    """
    alike = jaccard(shingles(one, shingle), shingles(other, shingle))
    if alike >= min_jaccard:
        return alike
    if min_word_overlap is None:
        return 0.0
    words_alike = jaccard(set(one), set(other))
    return words_alike if words_alike >= min_word_overlap else 0.0


def shingles(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    """All runs of ``size`` words; the whole text where it is shorter.

    >>> sorted(shingles(("a", "b", "c"), 2))
    [('a', 'b'), ('b', 'c')]
    """
    if not words:
        return set()
    return {tuple(words[at : at + size]) for at in range(max(1, len(words) - size + 1))}


def jaccard(one: Set[Hashable], other: Set[Hashable]) -> float:
    """Size of the intersection over size of the union, 0 for two empty sets."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def duplicate_groups(
    texts: Sequence[str], *, min_jaccard: float, min_word_overlap: float | None, shingle: int = 5
) -> tuple[int, ...]:
    """For each text the place of the first text that it is a copy of, itself included.

    Copies of copies share a group.
    """
    read = [tokens(text) for text in texts]
    first: list[int] = []
    for place, words in enumerate(read):
        group = place
        for other in range(place):
            if copy_score(
                read[other],
                words,
                shingle=shingle,
                min_jaccard=min_jaccard,
                min_word_overlap=min_word_overlap,
            ):
                group = min(group, first[other])
        first.append(group)
    return tuple(first)
