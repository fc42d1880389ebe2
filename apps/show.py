"""How an outcome looks on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from rich.markup import escape

from assay.apps.choices import sizes
from assay.apps.console import out
from assay.corpora.citing import where
from assay.pipeline import Abstention, Answer, Passage, RunRecord

SNIPPET = 240
"""Characters of a cited passage that are shown."""


Place = Callable[[Passage], str]
"""Says where a passage stands."""


def outcome(record: RunRecord, place: Place = where) -> None:
    """Print an answer with numbered citations, or an abstention with its reason.

    Args:
        record: of the run.
        place: says where a passage stands.
    """
    match record.outcome:
        case Answer() as answer:
            _answer(answer, place)
        case Abstention() as abstention:
            _abstention(abstention, place)
        case None:
            out.print(f"[red]failed[/]: {escape(str(record.error))}")
    out.print(f"[dim]{escape(funnel(record))}[/]")


def _answer(answer: Answer, place: Place) -> None:
    numbers = {passage.id: number for number, passage in enumerate(answer.evidence, 1)}
    text, position = "", 0
    for citation in sorted(answer.citations, key=lambda one: one.end):
        marks = "".join(f"[{numbers[one]}]" for one in citation.passage_ids)
        text += answer.text[position : citation.end] + marks
        position = citation.end
    out.print(f"[bold green]{escape(text + answer.text[position:])}[/]")
    for passage in answer.evidence:
        out.print(f"  [{numbers[passage.id]}] {_cite(passage, place)}", markup=False)
    if answer.confidence is not None:
        certificate = answer.certificate or "uncertified"
        out.print(
            f"  [dim]confidence {answer.confidence.value:.2f} ({answer.confidence.kind.value}),"
            f" certificate {certificate}[/]"
        )


def _abstention(abstention: Abstention, place: Place) -> None:
    out.print(f"[bold yellow]No answer[/] ({abstention.reason.value}): {escape(abstention.detail)}")
    if abstention.score is not None and abstention.threshold is not None:
        out.print(
            f"  [dim]{abstention.stage}: {abstention.score.value:.2f} is below"
            f" {abstention.threshold:.2f} ({abstention.score.kind.value})[/]"
        )
    for passage in abstention.evidence[:2]:
        out.print(f"  near: {_cite(passage, place)}", markup=False)
    if abstention.next_step:
        out.print(f"  {escape(abstention.next_step)}")


def _cite(passage: Passage, place: Place) -> str:
    parts = [passage.text[start:end] for start, end in passage.stretches]
    text = " … ".join(" ".join(part.split()) for part in parts)
    cut = text if len(text) <= SNIPPET else text[:SNIPPET].rsplit(" ", 1)[0] + " ..."
    said = place(passage)
    if passage.title and passage.title not in said:
        said = f"{passage.title} ({said})"
    return f"{said}: {cut}"


def funnel(record: RunRecord) -> str:
    """One line: how many passages each kind of step let through.

    >>> from assay.pipeline import Query, Scope
    >>> funnel(RunRecord(Query("q", Scope("t")), None, None, {}))
    'retrieved 0, reranked 0, selected 0, verified 0, cited 0'
    """
    rankings = [
        stage["passages"]
        for stage in record.stages.values()
        if "kept" not in stage and "passages" in stage
    ]
    last = rankings[-1] if rankings else []
    seen = {one["id"] for ranking in rankings for one in ranking}
    selected, verified = sizes(list(record.stages.values()))
    counts = {
        "retrieved": len(seen),
        # A reranker hands on what it did not look at, with the scores that it had.
        "reranked": len(list(takewhile(lambda one: one["kind"] == last[0]["kind"], last))),
        "selected": selected,
        "verified": verified,
        "cited": len(record.outcome.evidence) if isinstance(record.outcome, Answer) else 0,
    }
    return ", ".join(f"{name} {count}" for name, count in counts.items())
