"""A poisoned twin on disk, as a data set folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.evaluation.folder import write_folder
from assay.evaluation.twin import Twin
from assay.pipeline.errors import DataError


def write_twin(twin: Twin, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the twin as a data set folder; an older one there is replaced at once.

    Args:
        twin: the twin.
        folder: where to.
        facts: what it was made with, for info.json.

    Raises:
        UsageError: if the folder holds something that is no data set.
    """
    data = twin.dataset
    corpus = [
        {"id": one.id, "title": one.title, "text": one.text, "meta": dict(one.metadata)}
        for one in data.documents
    ]
    queries = [
        {
            "id": one.id,
            "text": one.text,
            "answers": list(one.answers),
            "answerable": one.answerable,
            "meta": dict(one.meta),
        }
        for one in data.queries
    ]
    spans = [
        {
            "qid": name,
            "docid": one.document_id,
            "start": one.start,
            "end": one.end,
            "text": one.text,
        }
        for name, found in data.spans.items()
        for one in found
    ]
    info = dict(data.info) | {
        "twin_of": data.name,
        "attack": dict(facts)
        | {
            "attacked": len(twin.attacked),
            "wrong_answers": dict(twin.kinds),
            "left_out": {key: dict(counts) for key, counts in twin.left_out.items()},
            "own_planted_removed": twin.removed,
        },
        "counts": {"passages": len(corpus), "queries": len(queries)},
    }
    files = {
        "corpus.jsonl": _lines(corpus),
        "queries.jsonl": _lines(queries),
        "qrels.tsv": "".join(
            f"{name}\t{passage}\t{grade}\n"
            for name, grades in data.qrels.items()
            for passage, grade in grades.items()
        ),
        "info.json": json.dumps(info, ensure_ascii=False, indent=1) + "\n",
    }
    write_folder(folder, files | ({"spans.jsonl": _lines(spans)} if spans else {}))


def _lines(records: Sequence[Mapping[str, Any]]) -> str:
    try:
        return "".join(
            json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in records
        )
    except ValueError as error:
        raise DataError(f"the set holds a number that JSON cannot hold: {error}") from error
