"""A conformance kit for embedders: what every engine promises, as checks.

For authors of plug-ins, too: ``check_embedder(lambda: MyEmbedder(MyConfig()))``. A check that
does not hold raises ``AssertionError`` with a sentence; no test framework is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from assay.models.protocols import Embedder, Floats
from assay.pipeline.context import RunContext
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

TEXTS = (
    "Tuples are immutable sequences.",
    "The harbour opens at nine o'clock on weekdays and closes at noon on Saturdays.",
    "rain",
    "A kettle boils water, and its lid locks while the water boils.",
)

WORDS = 300
"""Words of a long text; an engine is opened with shorter windows than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSubject:
    """An embedder and what the kit must know of it.

    Args:
        make: gives a fresh embedder, not started; always the same.
        model: one that is started; the checks share it.
        tolerance: by how much a component of a vector may differ between batches.
        loads: whether ``start`` loads anything, so that use before it is an error.
        windows: whether a text of ``WORDS`` words is more than it reads at once.
        understands: whether vectors follow texts, so that a text is nearest to itself.
    """

    make: Callable[[], Embedder]
    model: Embedder
    tolerance: float = 1e-5
    loads: bool = True
    windows: bool = True
    understands: bool = True

    @property
    def name(self) -> str:
        """The registered name."""
        return self.model.name

    def calls(self) -> Mapping[str, Callable[[Sequence[str], Sequence[RunContext]], Floats]]:
        """Both ways to embed, by name."""
        return {"queries": self.model.embed_queries, "passages": self.model.embed_passages}


def check_embedder(make: Callable[[], Embedder], **more: Any) -> None:
    """Prove that an embedder keeps what embedders promise; see ``CHECKS``.

    Args:
        make: gives a fresh embedder, not started.
        **more: see ``EmbedderSubject``.

    Raises:
        AssertionError: at the first promise that is not kept, with a sentence.
    """
    model = make()
    model.start()
    try:
        subject = EmbedderSubject(make=make, model=model, **more)
        for check in CHECKS.values():
            check(subject)
    finally:
        model.close()


def has_a_name_and_a_life(subject: EmbedderSubject) -> None:
    """Name, docstring; start, close and start again; a fingerprint that stays."""
    named_and_documented(subject.model)
    lives(
        subject.make,
        lambda model: model.embed_queries(TEXTS[:1], [RunContext()]).tolist(),
        loads=subject.loads,
    )


def vectors_have_their_shape_and_length(subject: EmbedderSubject) -> None:
    """Shape, type and, where cosine is promised, length 1; no texts give no vectors."""
    model = subject.model
    for what, embed in subject.calls().items():
        context = RunContext()
        none = embed([], [])
        demand(none.shape == (0, model.dimension), f"{subject.name}: no {what} give {none.shape}")
        vectors = embed(TEXTS, [context] * len(TEXTS))
        demand(
            vectors.shape == (len(TEXTS), model.dimension)
            and vectors.dtype == np.float32
            and bool(np.isfinite(vectors).all()),
            f"{subject.name}: {what} as {vectors.dtype} of shape {vectors.shape}, expected finite"
            f" float32 of shape {(len(TEXTS), model.dimension)}",
        )
        if model.similarity == "cosine":
            lengths = np.linalg.norm(vectors, axis=1)
            near(lengths, np.ones(len(TEXTS)), 1e-4, f"{subject.name}: lengths of {what}")


def company_changes_nothing(subject: EmbedderSubject) -> None:
    """A text's vector is its own: alone, in a batch of any order, beside itself."""
    for what, embed in subject.calls().items():
        together = embed(TEXTS, [RunContext() for _ in TEXTS])
        turned = embed(TEXTS[::-1], [RunContext() for _ in TEXTS])[::-1]
        near(turned, together, subject.tolerance, f"{subject.name}: {what} in another order")
        for vector, text in zip(together, TEXTS, strict=True):
            alone = embed([text], [RunContext()])[0]
            near(alone, vector, subject.tolerance, f"{subject.name}: {text!r} alone")
        twice = embed([TEXTS[0], TEXTS[1], TEXTS[0]], [RunContext()] * 3)
        near(twice[0], twice[2], subject.tolerance, f"{subject.name}: the same text twice")


def a_text_is_nearest_to_itself(subject: EmbedderSubject) -> None:
    """Queries and passages of the same words meet, whatever their prefixes."""
    if not subject.understands:
        return
    contexts = [RunContext() for _ in TEXTS]
    table = subject.model.embed_queries(TEXTS, contexts) @ (
        subject.model.embed_passages(TEXTS, contexts).T
    )
    found = table.argmax(axis=1).tolist()
    demand(found == list(range(len(TEXTS))), f"{subject.name}: texts are nearest to {found}")


def odd_texts_have_vectors(subject: EmbedderSubject) -> None:
    """Empty, one character, half a character: finite vectors, the same every time."""
    texts = ("", *ODD_TEXTS)
    for what, embed in subject.calls().items():
        vectors = embed(texts, [RunContext() for _ in texts])
        demand(bool(np.isfinite(vectors).all()), f"{subject.name}: odd {what} have no numbers")
        again = embed(texts, [RunContext() for _ in texts])
        near(again, vectors, subject.tolerance, f"{subject.name}: odd {what} again")


def long_texts_are_windowed_and_counted(subject: EmbedderSubject) -> None:
    """What stands far behind still counts, and the run record says how many were windowed."""
    if not subject.windows:
        return
    # Longer than any model's window, and different only at the end.
    body = " ".join(f"word{number % 97}" for number in range(WORDS))
    one, other, plain = RunContext(), RunContext(), RunContext()
    first = subject.model.embed_passages([f"{body} kettle"] * 2, [one, one])
    second = subject.model.embed_passages([f"{body} {'harbour ' * 60}"], [other])
    demand(
        not np.allclose(first[0], second[0], atol=1e-4),
        f"{subject.name}: what stands behind {WORDS} words changes nothing: the text was cut",
    )
    subject.model.embed_passages([TEXTS[2]], [plain])
    counted = [context.notes.get("texts_windowed", 0) for context in (one, other, plain)]
    demand(counted == [2, 1, 0], f"{subject.name}: texts_windowed is {counted}, expected 2, 1, 0")


def texts_are_paid_for(subject: EmbedderSubject) -> None:
    """Each request pays for its own texts; one that is over is left."""
    for what, embed in subject.calls().items():
        pay_for_their_own(embed, TEXTS, f"{subject.name}: {what}")
        late = functools.partial(_late, embed)
        stops_when_over(late, f"{subject.name}: {what}")


CHECKS: Mapping[str, Callable[[EmbedderSubject], None]] = MappingProxyType(
    sentences(
        has_a_name_and_a_life,
        vectors_have_their_shape_and_length,
        company_changes_nothing,
        a_text_is_nearest_to_itself,
        odd_texts_have_vectors,
        long_texts_are_windowed_and_counted,
        texts_are_paid_for,
    )
)
"""Every check by name."""


def _late(
    embed: Callable[[Sequence[str], Sequence[RunContext]], Floats], context: RunContext
) -> Floats:
    return embed(TEXTS[:1], [context])
