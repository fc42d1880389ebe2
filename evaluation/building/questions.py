"""A person's table of questions as a labelled set over what a pipeline has indexed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from assay.corpora.corpus import Corpus
from assay.corpora.dataset import DEFAULT_TENANT, Dataset
from assay.corpora.labelled_questions import load_questions
from assay.evaluation.building.library import as_documents, read_library
from assay.evaluation.building.locating import Located, located

SHOWN = 5
"""Questions whose reason is told; of the others the id."""


def dataset_of(path: Path, corpus: Corpus, tenant: str = DEFAULT_TENANT) -> Dataset:
    """A labelled set whose passages are those of a corpus.

    Args:
        path: a table as ``corpora.labelled_questions`` describes it.
        corpus: started; what the tenant and the questions' roles may read is the set's passages.
        tenant: on whose behalf the questions are asked.

    Returns:
        The set. A question whose evidence was not found is in it without judgements and says why
        in ``meta.unlocated``; ``info["notices"]`` says all that a reader of figures must know,
        ``info["judged"]`` how many questions were judged by what.

    Raises:
        UsageError: if the file is missing or of another kind, or nothing is indexed.
        DataError: if a row breaks the format; the message names file and row.
    """
    file = load_questions(path)
    roles = {role for one in file.questions for role in one.meta.get("roles", ())}
    library = read_library(corpus, tenant, roles=sorted(roles))
    found = [located(one, library, tenant) for one in file.questions]
    return Dataset(
        name=path.stem,
        documents=as_documents(library.passages),
        queries=tuple(one.query for one in found),
        qrels={one.query.id: one.grades for one in found if one.grades},
        spans={one.query.id: one.spans for one in found if one.spans},
        info={
            "source": path.name,
            "judged": dict(Counter(map(_judged_by, found))),
            "notices": [*file.notices, *notices_of(found)],
        },
    )


def notices_of(found: Sequence[Located]) -> list[str]:
    """What must be said of how the evidence was found."""
    notices = []
    lost = [one for one in found if one.reason]
    if lost:
        notices.append(
            f"Of {len(lost)} of {len(found)} questions no evidence was found, so retrieval is not"
            f" judged on them: {_listed([(one.query.id, one.reason) for one in lost])}"
        )
    broad = [one for one in found if one.level in ("page", "section", "document")]
    if broad:
        notices.append(
            f"{len(broad)} of {len(found)} questions name a place and no quote that was found:"
            " every passage of that page, section or document counts as relevant, so their recall"
            " and selection figures are low by construction"
        )
    remarks = [(one.query.id, one.remark) for one in found if one.remark]
    if remarks:
        notices.append(f"{len(remarks)} questions were located with doubts: {_listed(remarks)}")
    return notices


def _judged_by(one: Located) -> str:
    return one.level or ("nothing" if one.query.answerable else "unanswerable")


def _listed(said: Sequence[tuple[str, str]]) -> str:
    told = "; ".join(f"{name}: {reason}" for name, reason in said[:SHOWN])
    others = ", ".join(name for name, _ in said[SHOWN:])
    return f"{told}; and {others}" if others else told
