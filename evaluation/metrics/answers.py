"""Whether the answers that were given are right."""

from __future__ import annotations

from collections.abc import Sequence

from assay.corpora.matching import exact_match, is_correct, token_f1
from assay.evaluation.metrics.scaled_numbers import SCALES, gold_number, same_number
from assay.evaluation.observation import Measures, Observation
from assay.evaluation.statistics.resampling import Figure, mean

NO_ANSWERS = "the set has no answerable question with an accepted answer"
NO_SCALE = "no answerable question of the set has a scale and a number as its answer"


def measure(observations: Sequence[Observation]) -> Measures:
    """``qa.*`` over the answerable questions that have an accepted answer.

    An abstention or a failure counts 0 in each of them:

    * ``em`` and ``f1``: SQuAD's exact match and token F1, the best accepted answer;
    * ``correct``: the answer contains an accepted one at token boundaries;
    * ``numeric``: the answer contains the accepted number, scale taken into account;
      only questions with ``meta.scale`` whose accepted answer is a number.
    """
    rows = [_row(one) for one in observations]
    reasons = dict.fromkeys(("em", "f1", "correct"), NO_ANSWERS) | {"numeric": NO_SCALE}
    return Measures(
        {
            f"qa.{key}": Figure(mean([row.get(key) for row in rows]), reason)
            for key, reason in reasons.items()
        },
        rows,
    )


def _row(one: Observation) -> dict[str, float]:
    if not one.query.answerable or not one.query.answers:
        return {}
    accepted, text = one.query.answers, one.text
    row = {
        "em": float(text is not None and exact_match(text, accepted)),
        "f1": 0.0 if text is None else token_f1(text, accepted),
        "correct": float(text is not None and is_correct(text, accepted)),
    }
    scale = one.query.meta.get("scale")
    if isinstance(scale, str) and scale in SCALES and gold_number(accepted) is not None:
        row["numeric"] = float(text is not None and same_number(text, accepted, scale))
    return row
