"""The labelled sets of the benchmark, as questions with what is relevant to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assay.corpora.dataset import Dataset, LabelledQuery, load, to_query
from assay.pipeline.words import Query

Fold = Literal["dev", "report"]

DEV_SHARE = 0.4
SPLIT, SAMPLE = "retrieval-0", "retrieval-sample-0"
"""Seeds: put before a question's id, hashed."""
FEW = 20
"""With fewer groups than this, questions are drawn one by one."""


@dataclass(frozen=True, slots=True)
class Task:
    """A set and how it is asked.

    Args:
        name: shown in the table.
        folder: below the data root.
        in_scope: questions search the passages of ``meta.scope`` only; else the whole corpus.
        issue: figures that the issue quotes for its own reference: BM25, dense, both by RRF.
    """

    name: str
    folder: str
    in_scope: bool = True
    issue: tuple[float, float, float] | None = None


TASKS = (
    Task("cranfield", "cranfield", issue=(0.331, 0.405, 0.418)),
    Task("noveleval", "noveleval"),
    Task("contractnli, in scope", "contractnli_dev", issue=(0.517, 0.482, 0.541)),
    Task("musique", "musique100", issue=(0.556, 0.719, 0.669)),
    Task("hotpotqa", "hotpotqa100"),
    Task("tatqa, in scope", "tatqa_dev", issue=(0.883, 0.901, 0.918)),
    Task("tatqa, open", "tatqa_dev", in_scope=False, issue=(0.511, 0.511, 0.589)),
    Task("chunkeval, in scope", "chunkeval"),
)

OTHER_TASKS = (
    Task("clapnq", "clapnq_dev"),
    Task("squad2, in scope", "squad2_dev"),
    Task("squad2, open", "squad2_dev", in_scope=False),
    Task("poison_nq", "poison_nq"),
    Task("ramdocs, open", "ramdocs_dev", in_scope=False),
)
"""Sets that settings are chosen on beside the dev folds; they play no part in any figure."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its judgements.

    Args:
        query: as a pipeline takes it.
        grades: passage id to grade, above 0 for at least one.
        fold: what it is used for.
        cluster: questions of one cluster share fate in the bootstrap.
    """

    query: Query
    grades: Mapping[str, int]
    fold: Fold
    cluster: str


def questions_of(task: Task, data: Dataset, limit: int) -> tuple[Question, ...]:
    """A task's questions that have a relevant passage, at most ``limit`` by a seeded sample.

    Questions about one document are one cluster, where there are ``FEW`` documents or more.

    Args:
        task: what is asked.
        data: its set.
        limit: most questions, from 1.
    """
    judged = [one for one in data.queries if any(data.qrels.get(one.id, {}).values())]
    kept = sorted(judged, key=lambda one: _hash(SAMPLE, data.name, one.id))[:limit]
    groups = {_group(one) for one in kept}
    questions = []
    for one in sorted(kept, key=lambda one: one.id):
        query = to_query(one)
        questions.append(
            Question(
                query if task.in_scope else replace(query, filters={}),
                data.qrels[one.id],
                fold_of(data.name, one.id),
                _group(one) if len(groups) >= FEW else one.id,
            )
        )
    return tuple(questions)


def read(root: Path, tasks: Sequence[Task]) -> tuple[dict[str, Dataset], dict[str, str]]:
    """The sets of some tasks by folder, and the folders that are not there with the reason."""
    found: dict[str, Dataset] = {}
    missing: dict[str, str] = {}
    for folder in dict.fromkeys(task.folder for task in tasks):
        if (root / folder / "corpus.jsonl").is_file():
            found[folder] = load(root / folder)
        else:
            missing[folder] = f"no corpus.jsonl in '{root / folder}'"
    return found, missing


def fold_of(data: str, question: str) -> Fold:
    """The fold of a question: a property of its id, whatever else is in the set."""
    return "dev" if _hash(SPLIT, data, question) < DEV_SHARE * 2**32 else "report"


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:4], "big")


def _group(one: LabelledQuery) -> str:
    scope = one.meta.get("scope")
    return one.id if scope is None else f"{scope['field']}={scope['value']}"
