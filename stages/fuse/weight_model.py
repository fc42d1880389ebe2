"""Weights of rankings from their signals: by the formula alone, or by fitted coefficients."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError
from assay.stages.fuse.evidence import Signals

SCHEMA = "assay-fusion-weights/1"
SIGNALS = tuple(one.name for one in fields(Signals))
LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class WeightModel:
    """A log-linear model: ``ln(weight) = sum over signals of coefficient * signal``.

    Without a fit the weight is the reliability itself (coefficient 1, all others 0).
    ``assay.training.fusion_weights.fit`` finds coefficients from labelled rankings.

    Args:
        coefficients: by the names of ``Signals``; what is missing counts 0.
        facts: what it was fitted on, for people.
    """

    coefficients: Mapping[str, float] = field(default_factory=lambda: {"reliability": 1.0})
    facts: Mapping[str, object] = field(default_factory=dict)

    def weights(
        self, signals: Mapping[str, Signals], prior: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Weights by name, with the sum 1.

        Args:
            signals: by name; one at least.
            prior: what each weight is multiplied with, above 0; None for 1.

        >>> sure, unsure = Signals(reliability=math.log(0.9)), Signals(reliability=math.log(0.1))
        >>> found = WeightModel().weights({"a": sure, "b": unsure})
        >>> {name: round(weight, 3) for name, weight in found.items()}
        {'a': 0.9, 'b': 0.1}
        """
        logs = {
            name: math.fsum(
                self.coefficients.get(key, 0.0) * value for key, value in asdict(one).items()
            )
            + (0.0 if prior is None else math.log(prior[name]))
            for name, one in signals.items()
        }
        largest = max(logs.values())
        powers = {name: math.exp(value - largest) for name, value in logs.items()}
        total = math.fsum(powers.values())
        return {name: power / total for name, power in powers.items()}

    def digest(self) -> str:
        """sha256 in hex over the coefficients."""
        return digest(dict(self.coefficients))

    def to_json(self) -> str:
        """The file's text."""
        told = {
            "schema": SCHEMA,
            "coefficients": dict(self.coefficients),
            "facts": dict(self.facts),
        }
        return json.dumps(told, indent=2, sort_keys=True) + "\n"


def read(path: Path) -> WeightModel:
    """Read what ``WeightModel.to_json`` gave.

    Raises:
        UsageError: if there is no such file.
        DataError: if it is no such model.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"no model of fusion weights at '{path}': fit one with"
            " assay.training.fusion_weights.fit, or leave 'model' out"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): fit it again") from error
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise DataError(f"{path} is no model of fusion weights: expected the schema '{SCHEMA}'")
    coefficients = told.get("coefficients")
    if not isinstance(coefficients, dict) or not coefficients:
        raise DataError(f"{path}: expected 'coefficients' by signal, found {coefficients!r:.80}")
    for name, value in coefficients.items():
        if name not in SIGNALS:
            raise DataError(f"{path}: unknown signal '{name:.80}'; known are {', '.join(SIGNALS)}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= LARGEST:
            raise DataError(
                f"{path}: the coefficient of '{name}' must be a number, found {value!r}"
            )
    facts = told.get("facts")
    return WeightModel(
        {name: float(value) for name, value in coefficients.items()},
        facts if isinstance(facts, dict) else {},
    )
