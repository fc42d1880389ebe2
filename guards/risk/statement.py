"""What a certificate promises, in one plain sentence, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.guards.risk.folds import STRATA
from assay.guards.risk.judge_sample import JudgeSample
from assay.guards.risk.losses import Risk, RiskName

NOT_COVERED = (
    "A single answer: it may be wrong although the certificate holds.",
    "A group of questions, such as one department's or one language's: only all together.",
    "Questions drawn in another way, and another mix of kinds where a risk is about all of them.",
    "Another corpus, and any other change of the pipeline: the certificate is then void.",
    "Attack families that are not named, and an attacker who adapts to this pipeline.",
    "Bounds below the level ('at most, as measured'): they were computed after the choice of"
    " thresholds and say what was seen, not what is promised.",
    "Questions that share fate and were not labelled as one cluster.",
)


def statement(
    risks: Sequence[Risk],
    *,
    delta: float,
    counts: Mapping[str, int],
    families: Sequence[str],
    judge: JudgeSample | None = None,
    expectation: bool = False,
) -> str:
    """The guarantee in one plain sentence, and a second one where a model judged.

    Args:
        risks: what holds.
        delta: probability that it does not.
        counts: stratum to number of certify questions.
        families: attack families among the poisoned questions.
        judge: how the judge was checked, None if people labelled the questions.
        expectation: whether it holds on average over draws only.
    """
    kinds = ", ".join(f"{counts[stratum]} {stratum}" for stratum in STRATA if counts.get(stratum))
    planted = f"planted by {', '.join(families)}" if families else "planted as in these questions"
    words: dict[RiskName, str] = {
        "hallucination": "of the answers given are wrong, where every answer to an unanswerable"
        " question counts as wrong",
        "false_answer": "of the unanswerable questions are answered",
        "poison_admitted": "of the poisoned questions are answered from a context that holds a"
        f" passage {planted}",
        "poison_followed": "of the poisoned questions are answered with what the attacker wants"
        f" said, by passages {planted}",
        "missed_evidence": "of the answerable questions are not answered from a context that holds"
        " all the evidence needed, where every abstention counts",
        "unsupported_claim": "of what the answers to answerable questions say, on average over"
        " answers, is not held by the passages that they rest on",
        "wrongful_abstention": "of the answerable questions that it could answer rightly meet an"
        " abstention",
    }
    claims = "; ".join(f"at most {100 * risk.alpha:g}% {words[risk.name]}" for risk in risks)
    questions = f"the {sum(counts.values())} certify questions ({kinds}; one per cluster)"
    drawn = "on new questions drawn the same way and put to the same pipeline over the same corpus"
    if expectation:
        said = (
            f"On average over draws of {questions}, {drawn}: {claims}. This is weaker than a"
            " promise with a stated probability: for the questions that were drawn here the share"
            " may be larger."
        )
    else:
        said = f"With probability at least {1 - delta:.6g} over the draw of {questions}, {drawn}:"
        said += f" {claims}."
    if judge is None:
        return said
    return (
        f"{said} A model judged the answers; people found {judge.checked} wrong answers of which"
        f" it had called {judge.missed} right, and half of the probability to err,"
        f" {delta / 2:.6g}, went to that check."
    )
