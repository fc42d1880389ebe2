"""``review.html``: the questions of a build to read comfortably, beside ``review.csv``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.quotes import stands_at
from assay.evaluation.building.review import FILE, Decision
from assay.evaluation.folder import write_file
from assay.evaluation.report import shell
from assay.evaluation.report.shell import Html, Section, safe

PAGE = "review.html"

_KINDS = {
    "written": "written by a model",
    "asked": "asked by a person",
    "swapped": "unanswerable, the name stands nowhere",
    "look_alike": "unanswerable, the name stands elsewhere",
}


def write_page(
    folder: Path,
    candidates: Sequence[Candidate],
    decisions: Mapping[str, Decision],
    passages: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> Path:
    """Write the page.

    Args:
        folder: of the build.
        candidates: its questions.
        decisions: what a person wrote so far, by question id.
        passages: id to the record of ``corpus.jsonl``.
        facts: ``build.json``.
    """
    decided = sum(1 for one in candidates if _said(decisions, one))
    notices = [str(one) for one in facts.get("notices", ())]
    sections = [
        Section("How to review", _how(folder)),
        Section("What was made", _made(candidates, facts)),
        *(_question(one, decisions.get(one.id), passages) for one in candidates),
    ]
    page = shell.page(
        title=f"Questions to review: {folder.resolve().name}",
        facts=f"{len(candidates)} questions, {decided} decided, {len(candidates) - decided} open",
        notices=notices,
        sections=sections,
    )
    path = folder / PAGE
    write_file(path, page)
    return path


def _how(folder: Path) -> str:
    return (
        f"<p>Open <code>{safe(FILE)}</code> beside this page in a spreadsheet or an editor. Write"
        " into the column <code>keep</code>: <code>y</code> to take a question, <code>n</code> to"
        " leave it out, <code>edit</code> after you have changed question, answer or evidence in"
        " its row. Several answers are divided by <code>|</code>. Evidence must stand in a document"
        " word for word. Then:"
        f"</p><pre>assay benchmark export {safe(str(folder))} --out SET</pre>"
    )


def _made(candidates: Sequence[Candidate], facts: Mapping[str, Any]) -> str:
    kinds = Counter(one.kind for one in candidates)
    rows = [[_KINDS[kind], str(count)] for kind, count in kinds.items()]
    table = shell.table(["kind", "questions"], rows, numeric=(1,))
    rejected = facts.get("rejected", {})
    if not rejected:
        return table
    thrown = [[reason, str(count)] for reason, count in sorted(rejected.items())]
    return table + shell.table(["thrown away, because", "attempts"], thrown, numeric=(1,))


def _question(
    one: Candidate, decision: Decision | None, passages: Mapping[str, Mapping[str, Any]]
) -> Section:
    rows: list[list[str | Html]] = [
        ["id", one.id],
        ["decision", _decision(decision)],
        ["kind", _KINDS[one.kind]],
        ["answer", " | ".join(one.answers) or "none: the documents do not tell"],
    ]
    if one.flags:
        rows.append(["look at", "; ".join(one.flags)])
    if one.nuggets:
        rows.append(["facts needed", "; ".join(one.nuggets)])
    if one.found:
        rows.append(["source found", _found(one.found)])
    relevant = [name for name, grade in one.grades.items() if grade > 0]
    if relevant:
        rows.append(["relevant passages", ", ".join(sorted(relevant))])
    body = shell.table(["", ""], rows)
    source = passages.get(one.source)
    if source is not None:
        title = f"<p><b>{safe(str(source.get('title', '')))}</b> ({safe(one.source)})</p>"
        body += f"{title}<blockquote>{_marked(str(source['text']), one)}</blockquote>"
    return Section(one.text, body)


def _marked(text: str, one: Candidate) -> Html:
    """The source's text with the evidence marked."""
    for quote in one.evidence.split("||"):
        place = stands_at(quote.strip(), text) if quote.strip() else None
        if place is not None:
            first, last = place
            return Html(
                f"{safe(text[:first])}<mark>{safe(text[first:last])}</mark>{safe(text[last:])}"
            )
    return safe(text)


def _found(found: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name}: {place or 'not'}" for name, place in found.items())


def _said(decisions: Mapping[str, Decision], one: Candidate) -> str:
    said = decisions.get(one.id)
    return "" if said is None else said.verdict


def _decision(said: Decision | None) -> str:
    words = {"y": "taken", "n": "left out", "edit": "edited", "": "open"}
    if said is None:
        return words[""]
    return f"{words[said.verdict]}: {said.note}" if said.note else words[said.verdict]
