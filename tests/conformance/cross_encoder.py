"""A conformance kit for cross-encoders: what every engine promises, as checks.

For authors of plug-ins, too: ``check_cross_encoder(lambda: MyEncoder(MyConfig()))``. A check
that does not hold raises ``AssertionError`` with a sentence; no test framework is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.context import RunContext
from assay.pipeline.words import Score, ScoreKind
from tests.conformance.model_subject import (
    ODD_TEXTS,
    lives,
    named_and_documented,
    near,
    pay_for_their_own,
    sentences,
    stops_when_over,
)
from tests.conformance.subject import demand

QUERY = "When does the harbour open?"
ANSWER = "The harbour opens at nine o'clock in the morning."
PASSAGES = (
    ANSWER,
    "Tuples are immutable sequences of items.",
    "rain",
    "A kettle boils water, and its lid locks while the water boils.",
)

WORDS = 300
"""Words of a long text; an engine is opened with shorter windows than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossEncoderSubject:
    """A cross-encoder and what the kit must know of it.

    Args:
        make: gives a fresh cross-encoder, not started; always the same.
        model: one that is started; the checks share it.
        tolerance: by how much a score may differ between batches.
        loads: whether ``start`` loads anything, so that use before it is an error.
        windows: whether a passage of ``WORDS`` words is more than it reads at once.
        understands: whether it tells what answers a question; not so with random weights.
    """

    make: Callable[[], CrossEncoder]
    model: CrossEncoder
    tolerance: float = 1e-4
    loads: bool = True
    windows: bool = True
    understands: bool = True

    @property
    def name(self) -> str:
        """The registered name."""
        return self.model.name

    def score(
        self, passages: Sequence[str], contexts: Sequence[RunContext] | None = None
    ) -> Floats:
        """Scores of passages for the kit's query."""
        pairs = [(QUERY, one) for one in passages]
        return self.model.score(pairs, contexts or [RunContext() for _ in pairs])


def check_cross_encoder(make: Callable[[], CrossEncoder], **more: Any) -> None:
    """Prove that a cross-encoder keeps what cross-encoders promise; see ``CHECKS``.

    Args:
        make: gives a fresh cross-encoder, not started.
        **more: see ``CrossEncoderSubject``.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    model = make()
    model.start()
    try:
        subject = CrossEncoderSubject(make=make, model=model, **more)
        for check in CHECKS.values():
            check(subject)
    finally:
        model.close()


def has_a_name_and_a_life(subject: CrossEncoderSubject) -> None:
    """Name, docstring; start, close and start again; a fingerprint that stays."""
    named_and_documented(subject.model)
    lives(
        subject.make,
        lambda model: model.score([(QUERY, ANSWER)], [RunContext()]).tolist(),
        loads=subject.loads,
    )


def scores_are_of_their_kind(subject: CrossEncoderSubject) -> None:
    """A finite number a pair within the bounds of its kind; what answers scores highest."""
    demand(subject.model.score([], []).shape == (0,), f"{subject.name}: no pairs give something")
    scores = subject.score(PASSAGES)
    demand(
        scores.shape == (len(PASSAGES),) and scores.dtype == np.float32,
        f"{subject.name}: {scores.dtype} of shape {scores.shape} for {len(PASSAGES)} pairs",
    )
    kind = subject.model.kind
    for value in scores.tolist():
        Score(value, kind, subject.name)
    highest = {ScoreKind.LIKELIHOOD: 0.0, ScoreKind.COSINE: 1.0}.get(kind, np.inf)
    demand(bool((scores <= highest).all()), f"{subject.name}: {scores.tolist()} is no {kind}")
    best = int(scores.argmax())
    demand(
        best == 0 or not subject.understands,
        f"{subject.name}: '{PASSAGES[best]}' scores above what answers '{QUERY}'",
    )


def company_changes_nothing(subject: CrossEncoderSubject) -> None:
    """A pair's score is its own: alone, in a batch of any order, beside itself."""
    together = subject.score(PASSAGES)
    turned = subject.score(PASSAGES[::-1])[::-1]
    near(turned, together, subject.tolerance, f"{subject.name}: in another order")
    for value, passage in zip(together, PASSAGES, strict=True):
        alone = subject.score([passage])[0]
        near(alone, value, subject.tolerance, f"{subject.name}: {passage!r} alone")


def odd_texts_have_scores(subject: CrossEncoderSubject) -> None:
    """Empty, one character, half a character, on either side: finite scores."""
    pairs = [pair for text in ("", *ODD_TEXTS) for pair in ((text, ANSWER), (QUERY, text))]
    scores = subject.model.score(pairs, [RunContext() for _ in pairs])
    demand(bool(np.isfinite(scores).all()), f"{subject.name}: odd texts score {scores.tolist()}")


def long_passages_are_windowed_and_counted(subject: CrossEncoderSubject) -> None:
    """What answers far behind is found, and the run record says how many were windowed."""
    if not subject.windows:
        return
    body = " ".join(f"word{number % 97}" for number in range(WORDS))
    one, other, plain = RunContext(), RunContext(), RunContext()
    late = subject.score([f"{body}. {ANSWER}", body], [one, one])
    subject.score([f"{ANSWER} {body}"], [other])
    subject.score([ANSWER], [plain])
    demand(
        float(late[0]) > float(late[1]) or not subject.understands,
        f"{subject.name}: an answer behind {WORDS} words changes nothing: the passage was cut",
    )
    counted = [context.notes.get("passages_windowed", 0) for context in (one, other, plain)]
    demand(
        counted == [2, 1, 0], f"{subject.name}: passages_windowed is {counted}, expected 2, 1, 0"
    )


def pairs_are_paid_for(subject: CrossEncoderSubject) -> None:
    """Each request pays for its own pairs; one that is over is left."""
    pay_for_their_own(subject.score, PASSAGES, f"{subject.name}: score")
    stops_when_over(lambda context: subject.score([ANSWER], [context]), f"{subject.name}: score")


CHECKS: Mapping[str, Callable[[CrossEncoderSubject], None]] = MappingProxyType(
    sentences(
        has_a_name_and_a_life,
        scores_are_of_their_kind,
        company_changes_nothing,
        odd_texts_have_scores,
        long_passages_are_windowed_and_counted,
        pairs_are_paid_for,
    )
)
"""Every check by name."""
