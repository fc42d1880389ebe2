"""Questions as a person wrote them find their evidence in a corpus.

By quote first: in the passages of the named documents, then in all others; a quote that a border
between two passages cuts is found in the document's own text, and both passages are relevant.
Without a quote (or where it stands nowhere) by page, section or document: every passage of it
counts as relevant, and the question says so in ``meta.judged``. What cannot be found keeps the
reason in ``meta.unlocated``. No model calls.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any, Literal

from assay.corpora.dataset import EvidenceSpan, LabelledQuery
from assay.corpora.document import Document
from assay.corpora.labelled_questions import RawQuestion
from assay.corpora.passages import SEPARATOR
from assay.evaluation.building.library import Library
from assay.evaluation.building.quotes import standing, stands_at
from assay.pipeline.errors import nearest
from assay.pipeline.words import Passage, Scalar, Scope

Level = Literal["quote", "page", "section", "document", ""]

MOST_SETS = 256
"""Sets of passages that suffice which are listed for a question at most."""

_PAGES = re.compile(r"(\d+)(?:\s*[-–—]\s*(\d+))?$")


@dataclass(frozen=True, slots=True)
class Located:
    """A question with what was found of its evidence.

    Args:
        query: the question as a labelled set has it.
        grades: passage id to 1.
        spans: the quotes, offsets within their passages.
        level: by what the passages were found; '' where none were.
        reason: why nothing was found, '' where something was or nothing was looked for.
        remark: what else its writer should know, '' for nothing.
    """

    query: LabelledQuery
    grades: Mapping[str, int] = field(default_factory=dict)
    spans: tuple[EvidenceSpan, ...] = ()
    level: Level = ""
    reason: str = ""
    remark: str = ""


def located(question: RawQuestion, library: Library, tenant: str) -> Located:
    """Look for a question's evidence among the passages that it may read.

    Args:
        question: as written; ``meta.roles`` are those it holds.
        library: the tenant's passages.
        tenant: on whose behalf it is asked.
    """
    if not question.answerable:
        return Located(_query(question, {}))
    reader = Scope(tenant, tuple(question.meta.get("roles", ())))
    names, problems = _named(question.documents, library)
    own = _readable(names, library, reader)
    ways: list[list[tuple[EvidenceSpan, ...]]] = []
    missing = []
    strayed = False
    for quote in question.evidence:
        found = _quoted(quote, names, own, library, reader)
        if not found and names:
            found = _quoted(quote, list(library.by_document), None, library, reader)
            strayed = strayed or bool(found)
        if found:
            ways.append(found)
        else:
            missing.append(_why_missing(quote, library, reader))
    if ways and not missing:
        remark = "a quote stands in another document than the one named" if strayed else ""
        return _by_quote(question, ways, remark="; ".join(filter(None, [remark, *problems])))
    passages, level, why = _by_place(question, own)
    reasons = [*missing, *problems, *([why] if why else [])]
    if not passages:
        reason = "; ".join(reasons) or "it names neither a quote nor a document"
        return Located(_query(question, {"unlocated": reason}), reason=reason)
    return Located(
        _query(question, {"judged": level}),
        dict.fromkeys((one.id for one in passages), 1),
        level=level,
        remark="; ".join(reasons),
    )


def _by_quote(
    question: RawQuestion, ways: Sequence[Sequence[tuple[EvidenceSpan, ...]]], *, remark: str
) -> Located:
    spans = dict.fromkeys(span for found in ways for way in found for span in way)
    grades = dict.fromkeys((span.document_id for span in spans), 1)
    sets = {
        tuple(dict.fromkeys(span.document_id for way in chosen for span in way)): None
        for chosen in islice(product(*ways), MOST_SETS)
    }
    more = {"judged": "quote", "gold_passages": [list(one) for one in sets]}
    return Located(_query(question, more), grades, tuple(spans), "quote", remark=remark)


def _query(question: RawQuestion, more: Mapping[str, Any]) -> LabelledQuery:
    return LabelledQuery(
        question.id, question.text, question.answers, question.answerable, {**question.meta, **more}
    )


def _readable(names: Iterable[str], library: Library, reader: Scope) -> list[Passage]:
    each = {one.id: one for name in names for one in library.by_document[name]}
    return [one for one in each.values() if one.scope.admits(reader)]


def _quoted(
    quote: str,
    names: Sequence[str],
    own: Sequence[Passage] | None,
    library: Library,
    reader: Scope,
) -> list[tuple[EvidenceSpan, ...]]:
    """Each way to have the quote: in one passage, or in several that follow one another."""
    passages = own if own is not None and names else _admitted(library.passages, reader)
    for loosely in (False, True):
        found = standing(quote, passages, loosely=loosely)
        if found:
            return [(one,) for one in found]
    ways = []
    for name in names or library.by_document:
        parts = _across(quote, library.raw(name), library.by_document[name])
        known = {one.id: one for one in library.by_document[name]}
        if parts and all(known[one.document_id].scope.admits(reader) for one in parts):
            ways.append(parts)
    return ways


def _across(
    quote: str, document: Document, passages: Sequence[Passage]
) -> tuple[EvidenceSpan, ...]:
    """The parts of a quote in the passages of its document, in order."""
    place = stands_at(quote, document.text) or stands_at(quote, document.text, loosely=True)
    if place is None:
        return ()
    parts = []
    for one in passages:
        if one.document_id != document.id:
            continue  # it stands for a passage of this document, but its offsets are another's
        start, end = max(place[0], one.start), min(place[1], one.end)
        text = one.text[start - one.start : end - one.start] if start < end else ""
        if text.strip():
            parts.append(EvidenceSpan(one.id, start - one.start, end - one.start, text))
    return tuple(parts)


def _admitted(passages: Sequence[Passage], reader: Scope) -> list[Passage]:
    return [one for one in passages if one.scope.admits(reader)]


def _why_missing(quote: str, library: Library, reader: Scope) -> str:
    shown = quote if len(quote) <= 60 else f"{quote[:57]}..."
    kept_back = [one for one in library.passages if not one.scope.admits(reader)]
    if standing(quote, kept_back):
        return f"the quote '{shown}' stands only where the question's roles may not read"
    return f"the quote '{shown}' stands in no document"


def _named(names: Sequence[str], library: Library) -> tuple[list[str], list[str]]:
    """Ids of the documents that names mean, and what is wrong with the names."""
    found: dict[str, None] = {}
    problems = []
    files: dict[str, list[str]] = {}
    for one in library.facts:
        file = str(one.document.metadata.get("file", one.document.id))
        files.setdefault(file, []).append(one.document.id)
    for name in names:
        if name in library.by_document:
            found[name] = None
            continue
        fits = _fitting(name, list(files))
        if len(fits) == 1:
            found |= dict.fromkeys(files[fits[0]])
        elif fits:
            problems.append(f"'{name}' may be any of {', '.join(fits[:5])}: write its path")
        else:
            problems.append(f"no document '{name}'; {_near(name, files)}")
    return list(found), problems


def _near(name: str, files: Mapping[str, object]) -> str:
    by_end = {one.rpartition("/")[2]: one for one in files}
    said = nearest(name.rpartition("/")[2], by_end)
    return said if len(said) < 200 else f"the corpus has {len(files)} others"


def _fitting(name: str, files: Sequence[str]) -> list[str]:
    """Files that a name means: by whole path, by its end, then without the ending."""
    wanted = _folded(name).strip("/")
    for fits in (
        [one for one in files if _folded(one) == wanted],
        [one for one in files if _folded(one).endswith(f"/{wanted}")],
        [one for one in files if _folded(one).rpartition("/")[2] == wanted.rpartition("/")[2]],
        [one for one in files if _stem(one) == wanted],
    ):
        if fits:
            return fits
    return []


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().replace("\\", "/")


def _stem(file: str) -> str:
    return _folded(file).rpartition("/")[2].rpartition(".")[0]


def _by_place(question: RawQuestion, own: Sequence[Passage]) -> tuple[list[Passage], Level, str]:
    """The passages of the page, the section, or the documents; and what was not found."""
    if not own:
        return [], "", ""
    why = []
    kept = list(own)
    level: Level = "document"
    if question.page:
        on_page = _on_page(question.page, own)
        if on_page:
            kept, level = on_page, "page"
        else:
            why.append(f"no passage of the document is on page '{question.page}'")
    if question.section:
        inside = [one for one in kept if _in_section(question.section, one)]
        if inside:
            kept, level = inside, "section"
        else:
            why.append(f"no passage of the document stands under '{question.section}'")
    return kept, level, "; ".join(why)


def _on_page(page: str, passages: Sequence[Passage]) -> list[Passage]:
    """By page or slide number, then by the number printed on the page."""
    match = _PAGES.search(page)
    if match is not None:
        first, last = int(match[1]), int(match[2] or match[1])
        found = [one for one in passages if _overlaps(one, first, last)]
        if found:
            return found
    return [one for one in passages if str(one.metadata.get("label", "")) == page]


def _overlaps(passage: Passage, first: int, last: int) -> bool:
    labels: Mapping[str, Scalar] = passage.metadata
    start = labels.get("page", labels.get("slide"))
    end = labels.get("last_page", start)
    return type(start) is int and type(end) is int and start <= last and first <= end


def _in_section(section: str, passage: Passage) -> bool:
    wanted = section.casefold()
    parts = [part.casefold() for part in passage.title.split(SEPARATOR)]
    sheet = str(passage.metadata.get("sheet", "")).casefold()
    return wanted in (*parts, sheet) or any(wanted in part for part in parts)
