"""A reviewed build becomes a labelled set: corpus.jsonl, queries.jsonl, qrels.tsv, spans.jsonl,
info.json. Nothing but the build's own folder is read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpora.dataset import EvidenceSpan
from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.quotes import standing
from assay.evaluation.building.review import Reviewed
from assay.evaluation.building.support import with_source
from assay.evaluation.folder import write_folder
from assay.pipeline.errors import DataError
from assay.pipeline.words import Passage, Scope


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        queries: how many.
        strata: stratum to how many.
        judged: judgements in all, grade 0 included.
        notices: what a reader of figures must know.
    """

    queries: int
    strata: Mapping[str, int]
    judged: int
    notices: tuple[str, ...]


def export(
    reviewed: Reviewed,
    corpus: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    folder: Path,
) -> Exported:
    """Write the set whole or not at all; an older set there is replaced.

    Args:
        reviewed: the questions to take.
        corpus: records of the build's ``corpus.jsonl``.
        facts: the build's ``build.json``.
        folder: where to.

    Raises:
        DataError: if evidence of a question stands in no passage; the message lists all such.
        UsageError: if the folder holds something else than a data set.
    """
    if not reviewed.kept:
        raise DataError("no question is left: every row says 'n'")
    passages = [_passage(one) for one in corpus]
    lost: list[str] = []
    queries, qrels, spans = [], [], []
    strata: Counter[str] = Counter()
    for one in reviewed.kept:
        found = _spans(one, passages, lost)
        grades = _grades(one, found)
        meta = _meta(one, found)
        strata[meta["stratum"]] += 1
        queries.append(
            {
                "id": one.id,
                "text": one.text,
                "answers": list(one.answers),
                "answerable": one.answerable,
                "meta": meta,
            }
        )
        qrels += [f"{one.id}\t{name}\t{grade}\n" for name, grade in grades.items()]
        spans += [
            {"qid": one.id, "docid": at.document_id, "start": at.start, "end": at.end,
             "text": at.text}
            for at in found
        ]  # fmt: skip
    if lost:
        raise DataError(
            f"evidence of {len(lost)} questions stands in no passage word for word: "
            + "; ".join(lost[:5])
            + ": copy it from review.html, or write 'n'"
        )
    notices = _notices(reviewed, facts)
    info = {
        "source": f"questions built over the corpus of the pipeline '{facts.get('pipeline', '')}'",
        "counts": {"passages": len(corpus), "queries": len(queries), **strata},
        "review": dict(reviewed.counts),
        "notices": notices,
        "build": {key: value for key, value in facts.items() if key != "notices"},
    }
    write_folder(
        folder,
        {
            "corpus.jsonl": lines(corpus),
            "queries.jsonl": lines(queries),
            "qrels.tsv": "".join(qrels),
            "spans.jsonl": lines(spans),
            "info.json": json.dumps(info, ensure_ascii=False, indent=1) + "\n",
        },
    )
    return Exported(len(queries), dict(strata), len(qrels), tuple(notices))


def record_of(passage: Passage) -> dict[str, Any]:
    """A passage as a line of ``corpus.jsonl``."""
    return {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "meta": {
            **passage.metadata,
            "document": passage.document_id,
            "start": passage.start,
            "end": passage.end,
        },
    }


def lines(records: Sequence[Mapping[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in records)


def _passage(record: Mapping[str, Any]) -> Passage:
    return Passage(record["id"], record["meta"]["document"], record["text"], Scope("any"))


def _spans(
    one: Candidate, passages: Sequence[Passage], lost: list[str]
) -> tuple[EvidenceSpan, ...]:
    """Every place of the evidence; in the source if it stands there."""
    found: list[EvidenceSpan] = []
    for part in one.evidence.split("||"):
        quote = part.strip()
        if not quote:
            continue
        own = [passage for passage in passages if passage.id == one.source]
        places = (
            standing(quote, own)
            or standing(quote, passages)
            or standing(quote, passages, loosely=True)
        )
        if not places:
            lost.append(f"{one.id} ('{quote[:40]}')")
        found += places
    return tuple(dict.fromkeys(found))


def _grades(one: Candidate, spans: Sequence[EvidenceSpan]) -> dict[str, int]:
    """The judgements; where evidence stands the grade is 1 at least."""
    if not one.answerable:
        return dict.fromkeys(one.grades, 0)
    grades = dict(one.grades)
    for span in spans:
        grades = with_source(grades, span.document_id)
    return grades


def _meta(one: Candidate, spans: Sequence[EvidenceSpan]) -> dict[str, Any]:
    meta = dict(one.meta)
    if not one.answerable:
        meta["stratum"] = "unanswerable"
    meta.setdefault("stratum", "answerable")
    meta |= {"cluster": one.cluster or one.id, "kind": one.kind}
    told = {"nuggets": list(one.nuggets), "flags": list(one.flags), "parent": one.parent}
    meta |= {key: value for key, value in told.items() if value}
    if meta.get("edited"):
        meta.pop("gold_passages", None)
    whole = [name for name, grade in one.grades.items() if grade == 2]
    if one.answerable and whole and "gold_passages" not in meta:
        own = [span.document_id for span in spans[:1]]
        meta["gold_passages"] = [[name] for name in dict.fromkeys([*own, *whole])]
    return meta


def _notices(reviewed: Reviewed, facts: Mapping[str, Any]) -> list[str]:
    unread = sum(one.meta.get("reviewed") is not True for one in reviewed.kept)
    notices = []
    if unread:
        notices.append(
            f"{unread} of {len(reviewed.kept)} questions were not reviewed by a person"
            " (meta.reviewed is false)"
        )
    if facts.get("judge"):
        notices.append(
            "Relevance was judged by machine, one fact at a time"
            f" ({facts['judge']}), over passages that the corpus's own retrievers brought: what"
            " none of them found is not judged"
        )
    return notices
