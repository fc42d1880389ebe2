"""How well the passages that reach the generator were chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assay.evaluation.observation import Measures, Observation, each
from assay.evaluation.statistics.resampling import BestOf, Figure, Ratio, mean, ratio

FIXED_K = (1, 2, 3, 5, 10, 20)
Interval = tuple[int, int]


def measure(observations: Sequence[Observation], texts: Mapping[str, str]) -> Measures:
    """``selection.*`` of the passages in the generator's context.

    Precision, recall and F1 are means over the questions with a relevant passage:

    * recall: relevant passages in the context / all relevant passages;
    * precision: the same / passages in the context, left out where it is empty;
    * F1: twice the same / (relevant + in the context), so an empty context counts 0.

    A question that failed counts 0 in recall and F1. ``size`` and ``empty`` are over
    all questions that did not fail. ``fixed_k.<k>`` takes the first k of the last
    ranking instead; ``best_fixed_k`` is the best of them, chosen on these very
    questions, hence a little too good.

    Spans: ``span_recall`` is the share of the gold spans' words that stand in the
    context, over all questions together; ``span_iou`` the mean over questions of
    characters in both context and gold spans / characters in either.

    Args:
        observations: the questions.
        texts: passage id to its text.
    """
    plan = observations[0].plan
    chosen = bool(plan.selections)
    rows = each("selection", observations, lambda one: _row(one, texts) if chosen else {})
    no_selection = "no node makes a selection"
    no_relevant = "no question has a passage judged relevant" if chosen else no_selection
    no_spans = "the set has no evidence spans inside its passages" if chosen else no_selection
    figures = {
        f"selection.{key}": Figure(mean([row.get(key) for row in rows]), reason)
        for key, reason in (
            ("precision", no_relevant),
            ("recall", no_relevant),
            ("f1", no_relevant),
            ("size", no_selection if not chosen else "every question failed"),
            ("empty", no_selection if not chosen else "every question failed"),
            ("span_iou", no_spans),
        )
    }
    figures["selection.span_recall"] = Figure(
        ratio(
            [row.get("span_words_found") or 0.0 for row in rows],
            [row.get("span_words") or 0.0 for row in rows],
        ),
        no_spans,
    )
    return Measures(figures | _fixed(observations), rows)


def _fixed(observations: Sequence[Observation]) -> dict[str, Figure]:
    ranking = observations[0].plan.ranking
    statistics: dict[int, Ratio] = {}
    found = each("selection.fixed_k", observations, lambda one: _best_k(one, ranking))
    for k in FIXED_K:
        statistics[k] = mean([one.get(k) for one in found])
    reason = (
        "no node makes a ranking"
        if ranking is None
        else "no question has a passage judged relevant"
    )
    figures = {f"selection.fixed_k.{k}.f1": Figure(one, reason) for k, one in statistics.items()}
    best = BestOf(tuple(statistics.values()))
    return figures | {"selection.best_fixed_k.f1": Figure(best, reason)}


def _best_k(one: Observation, ranking: str | None) -> dict[int, float]:
    if ranking is None or not one.relevant:
        return {}
    ranked = one.ranked(ranking)
    return {k: _f1(set(ranked[:k]), one.relevant) for k in FIXED_K}


def _row(one: Observation, texts: Mapping[str, str]) -> dict[str, float | None]:
    kept, relevant = set(one.in_context), one.relevant
    row: dict[str, float | None] = {
        "size": None if one.failed else float(len(kept)),
        "empty": None if one.failed else float(not kept),
    }
    if relevant:
        row["precision"] = len(kept & relevant) / len(kept) if kept else None
        row["recall"] = len(kept & relevant) / len(relevant)
        row["f1"] = _f1(kept, relevant)
    return row | _spans(one, kept, texts)


def _f1(kept: set[str], relevant: frozenset[str]) -> float:
    return 2 * len(kept & relevant) / (len(kept) + len(relevant))


def _spans(one: Observation, kept: set[str], texts: Mapping[str, str]) -> dict[str, float | None]:
    gold: dict[str, list[Interval]] = {}
    for span in one.spans:
        if span.document_id in texts:
            gold.setdefault(span.document_id, []).append((span.start, span.end))
    if not gold:
        return {}
    merged = {name: union(intervals) for name, intervals in gold.items()}
    words = {
        name: sum(len(texts[name][start:end].split()) for start, end in intervals)
        for name, intervals in merged.items()
    }
    sizes = {
        name: sum(end - start for start, end in intervals) for name, intervals in merged.items()
    }
    both = sum(size for name, size in sizes.items() if name in kept)
    either = sum(len(texts.get(name, "")) for name in kept) + sum(sizes.values()) - both
    return {
        "span_words": float(sum(words.values())),
        "span_words_found": float(sum(count for name, count in words.items() if name in kept)),
        "span_iou": both / either,
    }


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals without overlaps, in order.

    >>> union([(5, 9), (0, 3), (2, 4)])
    [(0, 4), (5, 9)]
    """
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
