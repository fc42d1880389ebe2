"""A probability out of one signal, by any of the calibrators of a single score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from assay.guards.risk.signal_calibrator import CalibratorConfig, SignalCalibrator, wanted
from assay.models.calibrators import calibrator
from assay.pipeline.component import register
from assay.pipeline.errors import UsageError, nearest

OF_PROBABILITIES = ("temperature", "beta")
"""Methods that take scores from 0 to 1 only."""


class ScoreCalibratorConfig(CalibratorConfig):
    """Settings of ``risk.score_calibrator@1``."""

    method: Literal["platt", "temperature", "beta", "isotonic", "venn_abers"] = Field(
        "platt", description="temperature and beta take a signal from 0 to 1, the others any"
    )
    signal: str = Field(
        "evidence", min_length=1, description="the one signal, such as evidence or p_true.true"
    )
    larger_is_better: bool = Field(
        True, description="false where a larger signal speaks against the answer, as an entropy"
    )


@register("risk.score_calibrator@1")
class ScoreCalibrator(SignalCalibrator):
    """One signal and one of five methods; the other signals stay in the record.

    Sources: see ``assay.models.calibrators``. Cost: no model calls.
    """

    Config = ScoreCalibratorConfig
    schema = "assay-score-calibrator/1"

    def __init__(self, config: ScoreCalibratorConfig) -> None:
        super().__init__(config)
        self._map: calibrator.Calibrator | None = None

    def probability(self, signals: Mapping[str, float]) -> float:
        """Probability that the answer is right; isotonic regression may say 0 or 1.

        Raises:
            UsageError: if the signal is missing, or there is no fit.
        """
        if self._map is None:
            raise UsageError(f"{self.name} is not fitted: run 'assay calibrate run'")
        (value,) = wanted(signals, (self.config.signal,))
        return float(self._map.probabilities([self._turned(value)])[0])

    def learned(
        self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]
    ) -> Mapping[str, Any]:
        """The fitted map, with the signal that it reads."""
        name = self.config.signal
        if name not in rows[0]:
            raise UsageError(f"no signal '{name}' to calibrate; {nearest(name, sorted(rows[0]))}")
        scores = [self._turned(row[name]) for row in rows]
        made = calibrator.fit(self.config.method, scores, right)
        return {
            "signal": name,
            "larger_is_better": self.config.larger_is_better,
            "map": calibrator.to_json(made),
        }

    def use(self, model: Mapping[str, Any]) -> None:
        """Take over the map.

        Raises:
            ValueError: if it was fitted for other settings.
        """
        own = (self.config.signal, self.config.larger_is_better, self.config.method)
        found = (model["signal"], model["larger_is_better"], model["map"]["method"])
        if own != found:
            raise ValueError(f"fitted for {found}, the pipeline says {own}")
        self._map = calibrator.from_json(model["map"])

    def lines(self) -> tuple[str, ...]:
        """Method and signal."""
        return (f"{self.config.method} of {self.config.signal}",) if self.fitted else ()

    def _turned(self, value: float) -> float:
        if self.config.method in OF_PROBABILITIES:
            if not 0.0 <= value <= 1.0:
                raise UsageError(
                    f"{self.config.method} calibrates signals from 0 to 1; '{self.config.signal}'"
                    f" is {value:g}: take platt, isotonic or venn_abers"
                )
            return value if self.config.larger_is_better else 1.0 - value
        return value if self.config.larger_is_better else -value
