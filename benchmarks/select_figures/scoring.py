"""How good a chosen set is, by the definitions of ``evaluation/metrics/selection.py``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assay.evaluation.statistics.resampling import Estimate, Resampler, mean, ratio
from benchmarks.select_figures.cases import Case

NAMES = ("precision", "recall", "f1", "size", "spans", "iou")


@dataclass(frozen=True, slots=True)
class Row:
    """A question's figures.

    Args:
        f1: twice the needed passages kept / (needed + kept); None where none is needed.
        precision: None where none is needed or nothing is kept.
        recall: None where none is needed.
        size: passages kept.
        span_words: words of the gold spans; 0 without spans.
        span_found: of these in what is kept.
        iou: characters in both / in either; None without spans.
    """

    f1: float | None
    precision: float | None
    recall: float | None
    size: int
    span_words: int = 0
    span_found: int = 0
    iou: float | None = None


def row(case: Case, kept: Collection[str]) -> Row:
    """Score what was kept for a question."""
    chosen, needed = set(kept), case.needed
    words, found, iou = _spans(case, chosen)
    if not needed:
        return Row(None, None, None, len(chosen), words, found, iou)
    both = len(chosen & needed)
    return Row(
        f1=2 * both / (len(chosen) + len(needed)),
        precision=both / len(chosen) if chosen else None,
        recall=both / len(needed),
        size=len(chosen),
        span_words=words,
        span_found=found,
        iou=iou,
    )


def f1(needed: Collection[str], kept: Collection[str]) -> float:
    """F1 of a set where something is needed.

    >>> round(f1({"a", "b"}, {"a", "c", "d"}), 3)
    0.4
    """
    return 2 * len(set(needed) & set(kept)) / (len(set(kept)) + len(set(needed)))


def _spans(case: Case, kept: set[str]) -> tuple[int, int, float | None]:
    gold = case.gold
    if not gold:
        return 0, 0, None
    texts = case.texts
    words = {
        name: sum(len(texts[name][start:end].split()) for start, end in spans)
        for name, spans in gold.items()
        if name in texts
    }
    sizes = {name: sum(end - start for start, end in spans) for name, spans in gold.items()}
    both = sum(size for name, size in sizes.items() if name in kept)
    either = sum(len(texts[name]) for name in kept) + sum(sizes.values()) - both
    found = sum(count for name, count in words.items() if name in kept)
    return sum(words.values()), found, both / either


def figures(cases: Sequence[Case], rows: Sequence[Row]) -> dict[str, Estimate]:
    """Means over the questions of a set with intervals by bootstrap over clusters.

    ``precision``, ``recall``, ``f1`` and ``size`` are over the questions that need a passage,
    ``size_none`` and ``empty_none`` (share for which nothing is kept) over those that need none,
    ``spans`` is the share of the gold spans' words that is kept, over all questions together.
    """
    needing = [one.f1 is not None for one in rows]
    resampler = Resampler([one.drawn for one in cases])
    return resampler.estimates(
        {
            "f1": mean([one.f1 for one in rows]),
            "precision": mean([one.precision for one in rows]),
            "recall": mean([one.recall for one in rows]),
            "size": mean([_if(yes, one.size) for one, yes in zip(rows, needing, strict=True)]),
            "size_none": mean(
                [_if(not yes, one.size) for one, yes in zip(rows, needing, strict=True)]
            ),
            "empty_none": mean(
                [_if(not yes, not one.size) for one, yes in zip(rows, needing, strict=True)]
            ),
            "empty": mean([_if(yes, not one.size) for one, yes in zip(rows, needing, strict=True)]),
            "spans": ratio([one.span_found for one in rows], [one.span_words for one in rows]),
            "iou": mean([one.iou for one in rows]),
        }
    )


def _if(yes: bool, value: float) -> float | None:
    return float(value) if yes else None


def by_set(cases: Sequence[Case]) -> Mapping[str, list[int]]:
    """Set to the places of its questions."""
    found: dict[str, list[int]] = {}
    for place, one in enumerate(cases):
        found.setdefault(one.group, []).append(place)
    return found
