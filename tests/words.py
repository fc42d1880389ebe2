"""Short ways to make words in tests."""

from __future__ import annotations

from assay.pipeline import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind, Selection

LOCAL = Scope("local")


def query(text: str = "what is a tuple", **more: object) -> Query:
    return Query(text, LOCAL, **more)  # type: ignore[arg-type]


def passage(name: str, text: str, *, title: str = "", position: int = 0) -> Passage:
    return Passage(
        name, name.split("#", maxsplit=1)[0], text, LOCAL, title=title, position=position
    )


def hit(name: str, text: str = "A text.", score: float = 1.0, title: str = "") -> Hit:
    return Hit(passage(name, text, title=title), Score(score, ScoreKind.LOGIT, "test"))


def ranking(*hits: Hit, asked: Query | None = None) -> Ranking:
    return Ranking(asked or query(), hits, "test")


def selection(*hits: Hit, asked: Query | None = None) -> Selection:
    return Selection(asked or query(), hits)
