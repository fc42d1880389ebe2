"""What every calibrator of an answer's signals shares: a fit on the tune fold, kept in a file."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo

from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Resource, relative_to
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def _resolve(path: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base", Path())
    return str(relative_to(base, path))


class CalibratorConfig(Config):
    """Settings of every calibrator, and all of those of ``risk.logistic_calibrator@1``."""

    path: Annotated[str, AfterValidator(_resolve)] = Field(
        description="JSON file that 'assay calibrate run' writes; relative to the pipeline file"
    )


class SignalCalibrator(Resource):
    """Named signals to the probability that the answer is right.

    Fitted by ``assay calibrate run``, on the tune fold only: any map that is fixed before the
    certify fold is read keeps a certificate valid.
    """

    Config = CalibratorConfig
    schema: ClassVar[str] = ""
    """Name and version of the file that it writes."""

    def __init__(self, config: CalibratorConfig) -> None:
        super().__init__(config)
        self._model: dict[str, Any] | None = None

    @abstractmethod
    def learned(
        self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]
    ) -> Mapping[str, Any]:
        """What a fit finds, as plain JSON values.

        Args:
            rows: signals of each answer; all with the same names, finite.
            right: whether the answer was right; some are and some are not.
        """

    @abstractmethod
    def use(self, model: Mapping[str, Any]) -> None:
        """Take over what ``learned`` found."""

    @abstractmethod
    def probability(self, signals: Mapping[str, float]) -> float:
        """Probability that the answer is right, 0 to 1.

        Raises:
            UsageError: if a signal of the fit is missing.
        """

    @abstractmethod
    def lines(self) -> tuple[str, ...]:
        """The fit as a person reads it; nothing where there is none."""

    @property
    def path(self) -> Path:
        """Where the fitted calibrator lies."""
        return Path(self.config.path)

    @property
    def fitted(self) -> bool:
        """Whether there is a fit to use."""
        return self._model is not None

    def start(self) -> None:
        """Load the fit, if there is one.

        Raises:
            DataError: if the file is there and is no fit of this kind.
        """
        if self.path.exists():
            try:
                self._take(json.loads(self.path.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
                raise DataError(
                    f"{self.path} is no fitted calibrator ({error}): delete it and calibrate again"
                ) from error

    def fingerprint(self) -> str:
        """Digest of the fit; the same for every unfitted calibrator."""
        return digest(self._model)

    def forget(self) -> None:
        """Be unfitted again, as far as this process goes; the file stays until the next fit."""
        self._model = None

    def fit(self, rows: Sequence[Mapping[str, float]], right: Sequence[bool]) -> None:
        """Fit to labelled answers and write the file atomically.

        Args:
            rows: signals of each answer; all with the same names.
            right: whether the answer was right, same length.

        Raises:
            UsageError: if there are no right or no wrong answers to learn from, if rows differ in
                their signals, or if a signal is not finite.
        """
        if len(rows) != len(right):
            raise UsageError(f"expected as many labels as rows, found {len(right)} and {len(rows)}")
        if not any(right) or all(right):
            raise UsageError(
                f"cannot fit a calibrator on {sum(right)} right and"
                f" {len(right) - sum(right)} wrong answers: it needs some of both"
            )
        for number, row in enumerate(rows):
            if row.keys() != rows[0].keys():
                raise UsageError(
                    f"answer {number} has other signals than the first:"
                    f" {sorted(row.keys() ^ rows[0].keys())}; each signal must be there for all"
                )
            strange = [name for name, value in row.items() if not math.isfinite(value)]
            if strange:
                raise UsageError(f"signal '{strange[0]}' of answer {number} is not finite")
        found = self.learned(rows, right)
        model = {"schema": self.schema, "n": len(rows), "right": int(sum(right)), **found}
        self._take(model)
        text = json.dumps(model, indent=2, sort_keys=True) + "\n"
        write_atomically(self.path, text.encode())

    def _take(self, model: dict[str, Any]) -> None:
        if model["schema"] != self.schema:
            raise ValueError(f"schema {model['schema']!r}, expected {self.schema!r}")
        self.use(model)
        self._model = model


def wanted(signals: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """The values of a fit's signals, in its order.

    Raises:
        UsageError: if one is missing.
    """
    missing = sorted(set(names) - set(signals))
    if missing:
        raise UsageError(f"the calibrator was fitted on signals that are missing: {missing}")
    return [signals[name] for name in names]


def floats(value: object) -> dict[str, float]:
    """A mapping of names to numbers, out of JSON.

    Raises:
        TypeError: if it is something else.
    """
    if not isinstance(value, dict):
        raise TypeError("expected a mapping of names to numbers")
    return {str(name): float(number) for name, number in value.items()}
