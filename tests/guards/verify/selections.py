"""Selections for tests of the verifiers."""

from assay.pipeline.words import Hit, Passage, Query, Scope, Score, ScoreKind, Selection, Verdicts

SCOPE = Scope("acme")


def selection(question: str, *texts: str, documents: tuple[str, ...] = ()) -> Selection:
    """A selection of texts p0, p1, ..., each of its own document unless they are named."""
    hits = (
        Hit(
            Passage(f"p{place}", documents[place] if documents else f"d{place}", text, SCOPE),
            Score(1.0 / (place + 1), ScoreKind.BM25, "test"),
        )
        for place, text in enumerate(texts)
    )
    return Selection(Query(question, SCOPE), tuple(hits))


def names(verdicts: Verdicts) -> list[list[str]]:
    """The flags' names, passage by passage."""
    return [[flag.name for flag in verdict.flags] for verdict in verdicts.verdicts]
