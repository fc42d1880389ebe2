"""Whether the answers that were given are right."""

from __future__ import annotations

from collections.abc import Sequence

from assay.corpora.matching import exact_match, is_correct, token_f1
from assay.evaluation.metrics.key_points import key_point_recall, key_points
from assay.evaluation.metrics.scaled_numbers import SCALES, gold_number, same_number
from assay.evaluation.observation import Measures, Observation, each
from assay.evaluation.statistics.resampling import Figure, mean

REASONS = {
    "em": "the set has no answerable question with an accepted answer",
    "f1": "the set has no answerable question with an accepted answer",
    "correct": "the set has no answerable question with an accepted answer",
    "numeric": "no answerable question of the set has a scale and a number as its answer",
    "key_points": "no answerable question of the set lists key points (meta.key_points)",
    "set_recall": "no answerable question of the set has several valid answers (meta.entities)",
}


def measure(observations: Sequence[Observation]) -> Measures:
    """``qa.*`` over the answerable questions that have what the metric compares with.

    An abstention or a failure counts 0 in each of them:

    * ``em`` and ``f1``: SQuAD's exact match and token F1, the best accepted answer;
    * ``correct``: the answer contains an accepted one at token boundaries;
    * ``numeric``: the answer contains the accepted number, scale taken into account;
      only questions with ``meta.scale`` whose accepted answer is a number;
    * ``key_points``: the share of ``meta.key_points`` that the answer contains; only
      questions that list some, with or without an accepted answer;
    * ``set_recall``: the share of the accepted answers that the answer contains; only
      questions that are ambiguous and have a valid answer for each of ``meta.entities``
      (RAMDocs), at least two.
    """
    rows = each("qa", observations, _row)
    return Measures(
        {
            f"qa.{key}": Figure(mean([row.get(key) for row in rows]), reason)
            for key, reason in REASONS.items()
        },
        rows,
    )


def _row(one: Observation) -> dict[str, float]:
    if not one.query.answerable:
        return {}
    row: dict[str, float] = {}
    accepted, text, meta = one.query.answers, one.text, one.query.meta
    if points := key_points(meta):
        row["key_points"] = 0.0 if text is None else key_point_recall(text, points)
    if not accepted:
        return row
    row["em"] = float(text is not None and exact_match(text, accepted))
    row["f1"] = 0.0 if text is None else token_f1(text, accepted)
    row["correct"] = float(text is not None and is_correct(text, accepted))
    scale = meta.get("scale")
    if isinstance(scale, str) and scale in SCALES and gold_number(accepted) is not None:
        row["numeric"] = float(text is not None and same_number(text, accepted, scale))
    entities = meta.get("entities")
    if isinstance(entities, list) and len(entities) == len(accepted) > 1:
        held = 0 if text is None else sum(is_correct(text, [answer]) for answer in accepted)
        row["set_recall"] = held / len(accepted)
    return row
