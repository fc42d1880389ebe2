"""The demo's labelled set: questions about the Python reference, located in its passages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.corpora.dataset import EvidenceSpan, LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.attacks import AttackTemplates, plant
from assay.evaluation.building.quotes import locate
from assay.evaluation.folder import write_folder
from assay.pipeline.errors import DataError
from assay.pipeline.words import Passage


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """A labelled set in memory.

    Args:
        passages: the clean passages, as they are indexed.
        planted: the planted passages of attacked questions.
        queries: the questions whose evidence was found.
        qrels: question id to the ids of relevant passages.
        spans: question id to its evidence spans.
        left_out: question id to the reason why it is not in the set.
    """

    passages: tuple[Passage, ...]
    planted: tuple[Document, ...]
    queries: tuple[LabelledQuery, ...]
    qrels: Mapping[str, tuple[str, ...]]
    spans: Mapping[str, tuple[EvidenceSpan, ...]]
    left_out: Mapping[str, str]


def build_reference_set(
    passages: Sequence[Passage],
    questions: Sequence[LabelledQuery],
    templates: AttackTemplates,
    *,
    tenant: str,
) -> ReferenceSet:
    """Find every question's evidence among the passages, and make the planted ones.

    A quote is looked for in the passages of its topic, then in all others, since the
    same section may be indexed under another topic. Every passage with the quote is
    relevant; ``meta.gold_passages`` lists which of them together suffice.

    Args:
        passages: those of a corpus of the Python reference, planted ones ignored.
        questions: with ``meta.evidence``, a list of ``{topic, quote}``; attacked ones
            with ``meta.attack``, ``m``, ``subject`` and ``incorrect_answer``.
        templates: what planted passages are made of.
        tenant: whose corpus it is.

    Raises:
        DataError: if a question's meta breaks the format.
    """
    clean = tuple(one for one in passages if one.metadata.get("poison") is not True)
    kept: list[LabelledQuery] = []
    qrels: dict[str, tuple[str, ...]] = {}
    spans: dict[str, tuple[EvidenceSpan, ...]] = {}
    left_out: dict[str, str] = {}
    planted: list[Document] = []
    for question in questions:
        found: list[list[EvidenceSpan]] = []
        for evidence in _evidence(question):
            quotes = locate(evidence["quote"], evidence["topic"], clean)
            if not quotes:
                left_out[question.id] = f"this Python's reference lacks '{evidence['quote']}'"
                break
            found.append(quotes)
        else:
            meta: dict[str, Any] = dict(question.meta)
            if found:
                texts = {one.id: one.text for one in clean}
                quotes_found = [one for group in found for one in group]
                qrels[question.id] = tuple(dict.fromkeys(one.document_id for one in quotes_found))
                spans[question.id] = _with_answers(quotes_found, question.answers, texts)
                meta["gold_passages"] = _alternatives(found)
            if meta.get("attack") is not None:
                meta |= {"attacked": True, "roles": [f"attack-{question.id}"]}
                planted += plant(question, templates, tenant=tenant)
            kept.append(replace(question, meta=meta))
    return ReferenceSet(clean, tuple(planted), tuple(kept), qrels, spans, left_out)


def _alternatives(found: Sequence[Sequence[EvidenceSpan]]) -> list[list[str]]:
    """Sets of passages that suffice: one for each quote, in any combination."""
    sets: list[list[str]] = [[]]
    for group in found:
        names = dict.fromkeys(one.document_id for one in group)
        sets = [[*chosen, name] for chosen in sets for name in names]
    return [list(dict.fromkeys(chosen)) for chosen in sets]


def _with_answers(
    quotes: Sequence[EvidenceSpan], answers: Sequence[str], texts: Mapping[str, str]
) -> tuple[EvidenceSpan, ...]:
    """The quotes' spans and, beside each, the accepted answer that stands nearest to it."""
    spans: dict[tuple[str, int, int], EvidenceSpan] = {}
    for quote in quotes:
        text = texts[quote.document_id]
        nearest = min(
            (
                (max(quote.start - match.end(), match.start() - quote.end, 0), match.start(), match)
                for answer in answers
                for match in _occurrences(answer, text)
            ),
            key=lambda one: one[:2],
            default=None,
        )
        for start, end in (
            (quote.start, quote.end),
            *(() if nearest is None else ((nearest[2].start(), nearest[2].end()),)),
        ):
            span = EvidenceSpan(quote.document_id, start, end, text[start:end])
            spans[quote.document_id, start, end] = span
    return tuple(spans.values())


def _occurrences(answer: str, text: str) -> list[re.Match[str]]:
    inner = r"\s+".join(re.escape(word) for word in answer.split())
    return list(re.finditer(rf"(?<!\w){inner}(?!\w)", text, re.IGNORECASE)) if inner else []


def _evidence(question: LabelledQuery) -> list[dict[str, str]]:
    evidence = question.meta.get("evidence", [])
    if not isinstance(evidence, list) or not all(
        isinstance(one, dict) and isinstance(one.get("topic"), str) and one.get("quote")
        for one in evidence
    ):
        raise DataError(
            f"question '{question.id}': 'meta.evidence' must be a list of"
            f' {{"topic": ..., "quote": ...}}, found {evidence!r}'
        )
    if question.answerable and not evidence:
        raise DataError(f"question '{question.id}' is answerable: it needs 'meta.evidence'")
    return evidence


def write_reference_set(made: ReferenceSet, folder: Path, *, description: str) -> None:
    """Write the set as a data set folder; an older one there is replaced at once.

    Args:
        made: the set.
        folder: where to.
        description: of the source, for info.json.

    Raises:
        UsageError: if the folder holds something that is no data set.
    """
    documents = [
        {
            "id": one.id,
            "title": one.title,
            "text": one.text,
            "meta": {
                **one.metadata,
                "document": one.document_id,
                "start": one.start,
                "end": one.end,
            },
        }
        for one in made.passages
    ] + [
        {"id": one.id, "title": one.title, "text": one.text, "meta": dict(one.metadata)}
        for one in made.planted
    ]
    queries = [
        {
            "id": one.id,
            "text": one.text,
            "answers": list(one.answers),
            "answerable": one.answerable,
            "meta": dict(one.meta),
        }
        for one in made.queries
    ]
    spans = [
        {
            "qid": query_id,
            "docid": one.document_id,
            "start": one.start,
            "end": one.end,
            "text": one.text,
        }
        for query_id, found in made.spans.items()
        for one in found
    ]
    info = {
        "source": description,
        "counts": {
            "passages": len(made.passages),
            "planted": len(made.planted),
            "queries": len(made.queries),
            "left_out": len(made.left_out),
        },
        "left_out": dict(made.left_out),
    }
    write_folder(
        folder,
        {
            "corpus.jsonl": _lines(documents),
            "queries.jsonl": _lines(queries),
            "qrels.tsv": "".join(
                f"{query_id}\t{name}\t1\n"
                for query_id, names in made.qrels.items()
                for name in names
            ),
            "spans.jsonl": _lines(spans),
            "info.json": json.dumps(info, ensure_ascii=False, indent=1) + "\n",
        },
    )


def _lines(records: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in records)
