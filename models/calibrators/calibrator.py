"""What every calibrator of one score gives: a probability for each score, and how to keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from assay.models.calibrators.beta import Beta
from assay.models.calibrators.fitting import Values
from assay.models.calibrators.isotonic import Isotonic
from assay.models.calibrators.platt import Platt
from assay.models.calibrators.temperature import Temperature
from assay.models.calibrators.venn_abers import VennAbers
from assay.pipeline.errors import DataError, UsageError, nearest


class Calibrator(Protocol):
    """A fitted map from scores to probabilities, rising with the score."""

    def probabilities(self, scores: Sequence[float] | Values) -> Values:
        """Of each score, 0 to 1, same shape."""

    def to_json(self) -> Mapping[str, Any]:
        """What ``from_json`` makes the same calibrator of."""


METHODS: Mapping[str, type[Platt | Temperature | Beta | Isotonic | VennAbers]] = {
    "platt": Platt,
    "temperature": Temperature,
    "beta": Beta,
    "isotonic": Isotonic,
    "venn_abers": VennAbers,
}
"""``temperature`` and ``beta`` take probabilities, the others any score."""


def fit(method: str, scores: Sequence[float], right: Sequence[bool]) -> Calibrator:
    """Fit a calibrator; on the tune fold only.

    Args:
        method: a name of ``METHODS``.
        scores: of answers.
        right: whether each is right.

    Raises:
        UsageError: for another name, or labels that teach nothing.
    """
    made: Calibrator = _named(method).fit(scores, right)
    return made


def to_json(calibrator: Calibrator) -> dict[str, Any]:
    """The calibrator with its method."""
    name = next(name for name, made in METHODS.items() if isinstance(calibrator, made))
    return {"method": name, **calibrator.to_json()}


def from_json(data: Mapping[str, Any]) -> Calibrator:
    """The calibrator that ``to_json`` wrote.

    Raises:
        DataError: if it wrote something else.
    """
    make: Callable[..., Calibrator] = _named(str(data.get("method")))
    try:
        return make(**{key: value for key, value in data.items() if key != "method"})
    except (TypeError, ValueError) as error:
        raise DataError(f"this is no fitted calibrator ({error}): fit it again") from error


def _named(method: str) -> Any:
    if method not in METHODS:
        raise UsageError(f"no calibrator '{method}'; {nearest(method, METHODS)}")
    return METHODS[method]
