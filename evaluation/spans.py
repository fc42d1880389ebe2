"""Evidence spans given in whole documents, as spans inside the passages cut from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assay.corpora.dataset import Dataset, EvidenceSpan
from assay.corpora.document import Document


def inside_passages(dataset: Dataset) -> tuple[Dataset, int]:
    """The set with its spans inside its passages.

    A span may name a raw document that is not in the set, as in chunkeval. A passage
    that was cut from it says so in its metadata: one value is the document's id, and
    ``start`` and ``end`` are where it stood. The span's part in each such passage is
    taken if the passage reads as the span says.

    Args:
        dataset: the labelled set.

    Returns:
        The set, and how many spans lie in none of its passages.
    """
    known = {document.id for document in dataset.documents}
    strange = {
        span.document_id
        for spans in dataset.spans.values()
        for span in spans
        if span.document_id not in known
    }
    if not strange:
        return dataset, 0
    cuts: dict[str, list[tuple[int, int, Document]]] = {}
    for document in dataset.documents:
        meta = document.metadata
        start, end = meta.get("start"), meta.get("end")
        if type(start) is int and type(end) is int:
            for name in strange & {one for one in meta.values() if isinstance(one, str)}:
                cuts.setdefault(name, []).append((start, end, document))
    lost = 0
    found: dict[str, tuple[EvidenceSpan, ...]] = {}
    for query, spans in dataset.spans.items():
        parts: list[EvidenceSpan] = []
        for span in spans:
            inside = [span] if span.document_id in known else _parts(span, cuts)
            lost += not inside
            parts += inside
        found[query] = tuple(parts)
    return replace(dataset, spans=found), lost


def _parts(
    span: EvidenceSpan, cuts: Mapping[str, list[tuple[int, int, Document]]]
) -> list[EvidenceSpan]:
    parts = []
    for start, end, document in cuts.get(span.document_id, ()):
        first, last = max(span.start, start), min(span.end, end)
        text = span.text[first - span.start : last - span.start]
        at = first - start
        if first < last and document.text[at : at + len(text)] == text:
            parts.append(EvidenceSpan(document.id, at, at + len(text), text))
    return parts
