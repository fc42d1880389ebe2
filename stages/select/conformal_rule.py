"""The rule that ``select.conformal`` keeps passages by, as a file that a fit writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically
from assay.pipeline.words import Hit, Ranking, ScoreKind

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

SCHEMA = "assay-conformal-selection/1"

Measure: TypeAlias = Literal["score", "place", "gap"]
Guarantee: TypeAlias = Literal["confidence", "expectation"]
Loss: TypeAlias = Literal["all", "recall"]

WITHIN_QUERY = frozenset(
    {ScoreKind.BM25, ScoreKind.RRF, ScoreKind.FUSED, ScoreKind.PAGERANK, ScoreKind.ORDER}
)
"""Kinds whose values of two queries cannot be compared."""


@dataclass(frozen=True, slots=True)
class ConformalRule:
    """What is kept, and what that promises.

    A passage has a value, by ``measure``: its score, its place in the ranking (from 1), or how far
    its score is below the best one of the ranking. It is kept if its score is at least
    ``threshold``, or if its place or its gap is at most that.

    Args:
        alpha: level of the loss, in (0, 1).
        delta: how probably the calibration questions were so lucky that the level does not hold;
            None where the guarantee is in expectation.
        guarantee: ``confidence`` or ``expectation``.
        loss: ``all``: 1 where any needed passage is missing; ``recall``: the share that is missing.
        measure: see above.
        threshold: see above; a whole number for places.
        kind: of the scores that it was fitted to.
        source: what made those scores.
        n: calibration questions; each has a passage that is needed.
        missed_by_retrieval: of these, questions of which a needed passage had no value at all.
        lost: sum of the losses over the calibration questions.
        size: mean number of passages kept on them.
        left_out: questions that were not used, by reason.
        data: digest of the calibration questions with their labels.
        name: of the labelled set.
        upstream: digest of what made the rankings; '' where it is not known.
        chosen_on: what somebody must know of how the questions were used before.
    """

    alpha: float
    delta: float | None
    guarantee: Guarantee
    loss: Loss
    measure: Measure
    threshold: float
    kind: ScoreKind
    source: str
    n: int
    missed_by_retrieval: int
    lost: float
    size: float
    left_out: Mapping[str, int]
    data: str
    name: str = ""
    upstream: str = ""
    chosen_on: Sequence[str] = ()

    def kept(self, ranking: Ranking) -> list[bool]:
        """Whether each hit of a ranking is kept.

        Raises:
            UsageError: if the scores are of another kind or source than those of the fit.
        """
        return [value is not None and self.keeps(value) for value in self.values(ranking)]

    def keeps(self, value: float) -> bool:
        """Whether a passage with this value is kept."""
        return value >= self.threshold if self.measure == "score" else value <= self.threshold

    def values(self, ranking: Ranking) -> list[float | None]:
        """Each hit's value; None behind the leading hits, whose scores are of one kind.

        Raises:
            UsageError: if the scores are of another kind or source than those of the fit.
        """
        found = origin(ranking)
        if found is not None and found != (self.kind, self.source):
            kind, source = found
            raise UsageError(
                f"the selection was fitted to scores of kind '{self.kind}' from {self.source} and"
                f" is given scores of kind '{kind}' from {source}: fit it again with"
                " 'assay train conformal', or feed it the ranking that it was fitted to"
            )
        return values(ranking.hits, len(ranking.alike), self.measure)

    def promise(self) -> str:
        """What the fit promises, in a sentence."""
        share = f"{100 * self.alpha:.4g} %"
        what = (
            f"on at most {share} of the questions evidence is missing"
            if self.loss == "all"
            else f"on the mean at most {share} of a question's evidence is missing"
        )
        how = (
            "on the mean over calibration sets"
            if self.delta is None
            else f"with confidence {100 * (1 - self.delta):.4g} %"
        )
        weak = ", which had been used to choose the pipeline" if self.chosen_on else ""
        return f"{what}, {how} ({self.n} calibration questions{weak})"

    def digest(self) -> str:
        """sha256 in hex over the rule."""
        return digest(_plain(self))

    def write(self, path: Path) -> None:
        """Write the rule, whole or not at all.

        Raises:
            OSError: if it cannot be written.
        """
        told = {"schema": SCHEMA, **_plain(self)}
        write_atomically(path, (json.dumps(told, indent=2, sort_keys=True) + "\n").encode())


def read(path: Path) -> ConformalRule:
    """Read what ``ConformalRule.write`` wrote.

    Raises:
        UsageError: if there is no such file.
        DataError: if it is no such rule.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"select.conformal: nothing is fitted yet, there is no file '{path}': run"
            f" 'assay train conformal PIPELINE --data DIR --node NODE --out {path}'"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): fit it again") from error
    if not isinstance(told, dict) or told.pop("schema", None) != SCHEMA:
        raise DataError(f"{path} is no fitted selection: expected the schema '{SCHEMA}'")
    try:
        return _checked(told)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}; fit it again") from error


def origin(ranking: Ranking) -> tuple[ScoreKind, str] | None:
    """Kind and source of a ranking's leading scores; None for an empty ranking.

    Raises:
        UsageError: if scores of one kind come from two sources.
    """
    sources = list(dict.fromkeys(hit.score.source for hit in ranking.alike))
    if not sources:
        return None
    if len(sources) > 1:
        raise UsageError(
            f"one ranking holds scores of kind '{ranking.hits[0].score.kind}' from {sources[0]} and"
            f" from {sources[1]}: a selection is fitted to the scores of one"
        )
    return ranking.hits[0].score.kind, sources[0]


def values(hits: Sequence[Hit], alike: int, measure: Measure) -> list[float | None]:
    """Values of hits by a measure.

    Args:
        hits: of one ranking, in order.
        alike: how many of them, from the first on, have scores of one kind; those behind have a
            place, and neither a score nor a gap.
        measure: see ``ConformalRule``.
    """
    if measure == "place":
        return [float(place) for place in range(1, len(hits) + 1)]
    scores = [hit.score.value for hit in hits[:alike]]
    best = max(scores, default=0.0)
    own = scores if measure == "score" else [best - one for one in scores]
    return [*own, *[None] * (len(hits) - alike)]


def require_measure(measure: Measure, kind: ScoreKind) -> None:
    """Refuse a measure that means nothing for a kind of score.

    Raises:
        UsageError: naming those that do.
    """
    if measure == "score" and kind in WITHIN_QUERY:
        raise UsageError(
            f"scores of kind '{kind}' of two questions cannot be compared: measure the 'place'"
            + ("" if kind is ScoreKind.ORDER else " or the 'gap' to the best")
        )
    if measure == "gap" and kind is ScoreKind.ORDER:
        raise UsageError(f"scores of kind '{kind}' tell nothing but the order: measure the 'place'")


def usual_measure(kind: ScoreKind) -> Measure:
    """The score itself where two questions' can be compared, else the place."""
    return "place" if kind in WITHIN_QUERY else "score"


def _plain(rule: ConformalRule) -> dict[str, Any]:
    told = asdict(rule)
    return told | {
        "kind": rule.kind.value,
        "left_out": dict(rule.left_out),
        "chosen_on": list(rule.chosen_on),
    }


def _checked(told: dict[str, Any]) -> ConformalRule:
    names = {one.name for one in fields(ConformalRule)}
    if told.keys() != names:
        raise ValueError(f"missing or unknown: {', '.join(sorted(names ^ told.keys()))}")
    for name, allowed in (("guarantee", Guarantee), ("loss", Loss), ("measure", Measure)):
        if told[name] not in get_args(allowed):
            raise ValueError(f"'{name}' is {told[name]!r:.80}")
    for name in ("alpha", "threshold", "size", "lost", "n", "missed_by_retrieval"):
        _number(name, told[name])
    if told["delta"] is not None:
        _number("delta", told["delta"])
    if (told["delta"] is None) != (told["guarantee"] == "expectation"):
        raise ValueError(f"'delta' is {told['delta']} with the guarantee '{told['guarantee']}'")
    if not 0 < told["alpha"] < 1 or not 0 < (told["delta"] or 0.5) < 1:
        raise ValueError("'alpha' and 'delta' must lie in (0, 1)")
    for name in ("source", "data", "name", "upstream"):
        if not isinstance(told[name], str):
            raise TypeError(f"'{name}' is {told[name]!r:.80}, expected a text")
    rule = ConformalRule(
        **told
        | {
            "kind": ScoreKind(told["kind"]),
            "left_out": dict(told["left_out"]),
            "chosen_on": tuple(told["chosen_on"]),
        }
    )
    require_measure(rule.measure, rule.kind)
    return rule


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"'{name}' is {value!r:.80}, expected a number")
