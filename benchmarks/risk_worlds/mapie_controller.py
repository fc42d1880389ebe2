"""MAPIE's ``BinaryClassificationController`` as a procedure on the draws of the worlds.

It takes predictions for each question at each setting and looks at nothing of them but the sum of
each risk and the number of questions that it is about. So a draw's counts are laid out as
questions, in blocks, one a risk: prediction 0 is a loss, 1 none, NaN an abstention. Among the valid
settings it takes the one with the best of a secondary figure: here the losses and abstentions of
the first block, its users' usual choice ("answer rightly as often as possible").

Everything else is MAPIE's default. ``fixed_sequence`` refuses several risks and settings that are
no thresholds on one probability (``ValueError``); ``nested_fixed_sequence`` runs it where it can.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.guards.risk.losses import Risk
from benchmarks.risk_worlds.draws import Draw, Fold, Procedure
from benchmarks.risk_worlds.worlds import Nested

Layout = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Predictions, shape ``(n_rows, n_settings)``, and the risk that each row is about."""


def version() -> str | None:
    """Of MAPIE; None if it is not installed."""
    try:
        return metadata.version("mapie")
    except metadata.PackageNotFoundError:
        return None


def controller(method: str) -> Procedure:
    """A procedure: ``bonferroni``, ``bonferroni_holm`` or ``split_fixed_sequence``."""

    def procedure(draw: Draw, risks: Sequence[Risk], delta: float) -> int | None:
        """Calibrate on the certify fold, the order learned on the tune fold."""
        made = _made(len(draw.utility), risks, delta, method)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if method == "split_fixed_sequence":
                made.learn_fixed_sequence_order(*_laid_out(draw.tune))
            made.calibrate(*_laid_out(draw.certify))
        return None if made.best_predict_param is None else int(made.best_predict_param[0])

    return procedure


def nested_fixed_sequence(world: Nested, trials: int, seed: int, delta: float) -> int:
    """On how many draws of the nested world ``fixed_sequence`` finds a valid threshold.

    Args:
        world: one confidence; the precision is to be at least ``1 - alpha``.
        trials: draws.
        seed: of the draws.
        delta: of the controller.
    """
    control = importlib.import_module("mapie.risk_control")
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(trials):
        (tune, _), (scores, wrong) = world.questions(rng)
        made = control.BinaryClassificationController(
            predict_function=lambda x: np.column_stack([1 - x, x]),
            risk="precision",
            target_level=1 - world.alpha,
            confidence_level=1 - delta,
            list_predict_params=world.thresholds(tune),
            fwer_method="fixed_sequence",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.calibrate(scores, (~wrong).astype(int))
        found += made.best_predict_param is not None
    return found


def _made(settings: int, risks: Sequence[Risk], delta: float, method: str) -> Any:
    control = importlib.import_module("mapie.risk_control")

    def about(place: int) -> Any:
        return control.BinaryRisk(
            risk_occurrence=lambda _, given: given == 0,
            risk_condition=lambda block, given: (block == place) & ~np.isnan(given),
            higher_is_better=False,
        )

    single = len(risks) == 1
    return control.BinaryClassificationController(
        predict_function=lambda x, setting: x[:, int(setting)],
        risk=about(0) if single else [about(place) for place in range(len(risks))],
        target_level=risks[0].alpha if single else [one.alpha for one in risks],
        confidence_level=1 - delta,
        best_predict_param_choice=control.BinaryRisk(
            risk_occurrence=lambda _, given: given != 1,
            risk_condition=lambda block, _: block == 0,
            higher_is_better=False,
        ),
        list_predict_params=np.arange(settings)[:, None],
        fwer_method=method,
    )


def _laid_out(fold: Fold) -> Layout:
    blocks, about = [], []
    for place, (losses, asked) in enumerate(zip(fold.losses, fold.asked, strict=True)):
        rows = np.arange(int(asked.max()))[:, None]
        blocks.append(np.where(rows < losses, 0.0, np.where(rows < asked, 1.0, np.nan)))
        about.append(np.full(len(rows), place))
    return np.concatenate(blocks), np.concatenate(about)
