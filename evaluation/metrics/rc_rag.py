"""Kept or discarded against right or wrong: RC-RAG's figures of abstention.

Every candidate answer whose correctness is known is in one of four classes: right (A, the
pipeline could answer) or wrong (U, it could not), and kept (K, given to the user) or
discarded (D, the pipeline abstained). An abstention without a draft is UD where the question
is unanswerable; where it is answerable nobody knows what would have been said, and it is
left out, as is a failure.

Source: RC-RAG (Chen et al. 2024, "Controlling Risk of Retrieval-augmented Generation: A
Counterfactual Prompting Framework"), as its published code computes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Figure, Ratio, ratio

FIGURES: Mapping[str, tuple[str, str, str]] = {
    "risk": ("UK", "AK UK", "no answer was kept whose correctness is known"),
    "carefulness": ("UD", "UK UD", "no candidate answer is known to be wrong"),
    "alignment": ("AK UD", "AK AD UK UD", "no candidate answer's correctness is known"),
    "coverage": ("AK UK", "AK AD UK UD", "no candidate answer's correctness is known"),
    "recall": ("AK", "AK AD", "no candidate answer is known to be right"),
}
"""Each figure: the classes above the line, those below it, and why it is undefined.

The first four are the paper's; recall is in its code beside them.
"""


def figures(rows: Sequence[Mapping[str, object]]) -> dict[str, Figure]:
    """``abstention.rcrag.*``.

    Args:
        rows: one a question, its class under ``rcrag``.
    """
    classes = [row["rcrag"] for row in rows]
    return {
        f"abstention.rcrag.{key}": Figure(figure(classes, key), reason)
        for key, (_, _, reason) in FIGURES.items()
    }


def figure(classes: Sequence[object], key: str) -> Ratio:
    """One figure.

    Args:
        classes: of each question, None where it is left out.
        key: one of ``FIGURES``.

    >>> import numpy as np
    >>> classes = ["AK", "AK", "UK", "UD", None]
    >>> [figure(classes, key)(np.ones((1, 5))).item() for key in ("carefulness", "alignment")]
    [0.5, 0.75]
    """
    above, below, _ = FIGURES[key]
    return ratio(
        [float(one in above.split()) for one in classes],
        [float(one in below.split()) for one in classes],
    )


def class_of(one: Observation, right: bool | None) -> str | None:
    """AK, AD, UK or UD; None where the question is left out.

    Args:
        one: the question.
        right: whether its candidate answer is right, None where nobody knows.
    """
    undrafted = one.candidate.text is None and one.query.answerable
    if one.failed or right is None or undrafted:
        return None
    return ("A" if right else "U") + ("K" if one.answered else "D")
