"""Figures of every method on every set, differences to the baseline, and the tables of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.evaluation.statistics.paired import Difference, Pairing, both
from assay.evaluation.statistics.resampling import Estimate, mean
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.scoring import Row, figures, row

BASELINE = "best fixed k"
SIGNIFICANT = 0.05
SHOWN = ("f1", "precision", "recall", "size", "empty")


@dataclass(frozen=True, slots=True)
class Measured:
    """A method on a set.

    Args:
        method: its name.
        name: of the set.
        asked: questions.
        needing: of these that need a passage.
        figures: by key, see ``scoring.figures``.
        difference: of F1 to the baseline on the same questions.
        baseline_size: mean size of the baseline's sets there, over questions that need a passage.
    """

    method: str
    name: str
    asked: int
    needing: int
    figures: Mapping[str, Estimate]
    difference: Difference
    baseline_size: float

    def value(self, key: str) -> float | None:
        """A figure."""
        return self.figures[key].value

    def to_json(self) -> dict[str, Any]:
        """All of it; null where a figure is undefined."""
        told: dict[str, Any] = {"method": self.method, "set": self.name}
        told |= {"n": self.asked, "n.needing": self.needing}
        for key, found in self.figures.items():
            told[key], told[f"{key}.ci95"] = found.value, found.interval
        return told | {"f1.difference": asdict(self.difference)}


def measured(
    method: str,
    name: str,
    cases: Sequence[Case],
    chosen: Mapping[str, frozenset[str]],
    baseline: Mapping[str, frozenset[str]],
) -> Measured:
    """Score a method on the questions of a set that it was asked.

    Args:
        method: its name.
        name: of the set.
        cases: of the set.
        chosen: by question.
        baseline: the same for the baseline.
    """
    asked = [one for one in cases if one.query.id in chosen]
    rows = [row(one, chosen[one.query.id]) for one in asked]
    before = [row(one, baseline[one.query.id]) for one in asked]
    needing = [place for place, one in enumerate(asked) if one.needed]
    sizes = [before[place].size for place in needing]
    return Measured(
        method,
        name,
        len(asked),
        len(needing),
        figures(asked, rows),
        _difference([asked[one] for one in needing], before, rows, needing),
        sum(sizes) / max(len(sizes), 1),
    )


def _difference(
    asked: Sequence[Case], before: Sequence[Row], after: Sequence[Row], places: Sequence[int]
) -> Difference:
    pairing = Pairing([one.drawn for one in asked])
    first, second = [before[one].f1 for one in places], [after[one].f1 for one in places]
    return pairing.differences({"f1": both(mean(first), mean(second))})["f1"]


def significance(found: Measured) -> int:
    """1 where F1 is significantly above the baseline's, -1 below, else 0."""
    p, value = found.difference.p_value, found.difference.value
    if p is None or value is None or p >= SIGNIFICANT:
        return 0
    return 1 if value > 0 else -1


def f1_table(found: Sequence[Measured], sets: Sequence[str]) -> str:
    """F1 of every method by set, and the mean; * and - mark a significant difference.

    A method that was asked fewer questions than the baseline has their number in brackets.
    """
    full = {one.name: one.asked for one in found if one.method == BASELINE}
    lines = [
        "| method | " + " | ".join(sets) + " | mean | difference | better | worse |",
        "|---|" + "---:|" * (len(sets) + 4),
    ]
    for method in dict.fromkeys(one.method for one in found):
        own = {one.name: one for one in found if one.method == method}
        cells = []
        for name in sets:
            if name not in own:
                cells.append("–")
                continue
            one = own[name]
            mark = {1: " ▲", -1: " ▼", 0: ""}[significance(one)]
            few = f" ({one.asked})" if one.asked < full.get(name, 0) else ""
            cells.append(f"{_shown(one.value('f1'))}{mark}{few}")
        complete = len(own) == len(sets)
        values = [own[name].value("f1") or 0.0 for name in sets] if complete else []
        gains = [own[name].difference.value or 0.0 for name in sets] if complete else []
        marks = [significance(one) for one in own.values()]
        cells += [
            f"{sum(values) / len(values):.3f}" if values else "–",
            f"{sum(gains) / len(gains):+.3f}" if gains else "–",
            str(marks.count(1)),
            str(marks.count(-1)),
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def detail_table(found: Sequence[Measured], name: str) -> str:
    """Every figure of every method on one set, F1 and its difference with intervals."""
    own = [one for one in found if one.name == name]
    spans = any(one.value("iou") is not None for one in own)
    none = any(one.value("size_none") is not None for one in own)
    heads = ["F1", "to fixed k", "precision", "recall", "size", "empty"]
    heads += ["size, none needed", "empty, none needed"] if none else []
    heads += ["span recall", "span IoU"] if spans else []
    lines = ["| method | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for one in own:
        cells = [_with(one.figures["f1"])]
        gain = Estimate(one.difference.value, one.difference.interval)
        cells.append("" if one.method == BASELINE else _with(gain, sign=True))
        cells += [_shown(one.value(key)) for key in ("precision", "recall")]
        cells += [_shown(one.value("size"), 2), _shown(one.value("empty"))]
        cells += (
            [_shown(one.value("size_none"), 2), _shown(one.value("empty_none"))] if none else []
        )
        cells += [_shown(one.value("spans")), _shown(one.value("iou"))] if spans else []
        lines.append(f"| {one.method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def recall_table(pairs: Sequence[tuple[Measured, Measured]]) -> str:
    """At the baseline's recall, how many passages a learned selector keeps.

    Args:
        pairs: the baseline and the method whose cut the other folds matched to its recall.
    """
    lines = [
        "| set | recall, fixed k | recall, matched | size, fixed k | size, matched | fewer |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    shares = []
    for first, second in pairs:
        before, after = first.value("size") or 0.0, second.value("size") or 0.0
        shares.append(1 - after / before if before else 0.0)
        lines.append(
            f"| {first.name} | {_shown(first.value('recall'))} | {_shown(second.value('recall'))}"
            f" | {before:.2f} | {after:.2f} | {100 * shares[-1]:.0f} % |"
        )
    if shares:
        recalls = [
            [one.value("recall") or 0.0 for one in side] for side in zip(*pairs, strict=True)
        ]
        means = [f"{sum(one) / len(one):.3f}" for one in recalls]
        fewer = f"{100 * sum(shares) / len(shares):.0f} %"
        lines.append(f"| mean | {means[0]} | {means[1]} | | | {fewer} |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _with(found: Estimate, *, sign: bool = False) -> str:
    if found.value is None:
        return "–"
    form = "+.3f" if sign else ".3f"
    ends = "" if found.interval is None else " [{:{f}}, {:{f}}]".format(*found.interval, f=form)
    return f"{found.value:{form}}{ends}"
