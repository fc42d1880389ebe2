"""Planted passages: do they get in, and do they change the answer?"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.document import Document
from assay.evaluation.attack_templates import GENERAL
from assay.evaluation.attacks import ATTACKS
from assay.evaluation.metrics import poison
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Statistic
from assay.evaluation.suites.comparing import came_out, clusters_of, compared, counted, observed
from assay.evaluation.suites.ranking_change import RankingChange
from assay.evaluation.suites.runner_abilities import ChangesRankings, Writes
from assay.evaluation.suites.suite import Findings, Record, Row, Runner, Suite
from assay.evaluation.twin import WRITTEN_TOKENS, Twin, Write, make_twin
from assay.pipeline.errors import UsageError, nearest

COLUMNS: Mapping[str, str] = {
    "correct": "poison.correct",
    "asr": "poison.asr",
    "abstained": "poison.abstained",
    "other": "poison.other",
    "admitted": "poison.admitted",
}
"""Columns, by the keys of ``metrics.json``."""


class AdversarialSuite(BaseModel, Suite):
    """Asks each attacked question with passages that were planted for it.

    The first row asks the same questions over the clean passages, and scores them as if
    they were attacked: ``asr`` there is how often the attacker's answer is given anyway.
    Each variant is a corpus of its own, in which every question sees only what was
    planted for it and for the row's m. With ``position`` other than ``natural`` the
    planted passages are put into the first ``depth`` ranks of the last ranking, found or
    not, so that what comes after retrieval is tested by itself.

    Variants and texts: ``assay.evaluation.attacks``; classes: ``metrics/poison.py``.
    Cost: the pipeline's cost for each question, once a row; a corpus is indexed a variant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "What planted passages achieve"

    variants: tuple[str, ...] = Field(
        default=("prefix", "none", "gold_edit", "instruction", "hidden"),
        min_length=1,
        description=f"attacks, of {', '.join(ATTACKS)}",
    )
    m: tuple[PositiveInt, ...] = Field(
        default=(1, 5), min_length=1, description="planted passages a question"
    )
    position: Literal["natural", "first", "last", "random"] = Field(
        default="natural", description="where planted passages stand in the last ranking"
    )
    depth: int = Field(default=10, ge=1, description="ranks that 'last' and 'random' are within")

    @field_validator("variants")
    @classmethod
    def _known(cls, variants: tuple[str, ...]) -> tuple[str, ...]:
        for one in variants:
            if one not in ATTACKS:
                raise ValueError(f"no variant '{one}'; {nearest(one, ATTACKS)}")
        return variants

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        twins = {
            variant: make_twin(
                dataset, [variant], self.m, templates=GENERAL, seed=seed, write=_writer(runner)
            )
            for variant in self.variants
        }
        first = next(iter(twins.values()))
        rows, per_query = [], []
        clean_set = _clean_set(first)
        records = runner.run(
            clean_set.queries, label="adversarial clean", documents=clean_set.documents
        )
        clean = {one.query.id: one for one in observed(clean_set, records, runner.plan)}
        rows.append(_row("clean", list(clean.values()), clean_set, None, seed))
        per_query += [_told("clean", one) for one in clean.values()]
        notes = _notes(first)
        for variant, twin in twins.items():
            notes += [
                f"{variant}: {counted(number, 'attack')} left out: {reason}."
                for reason, number in twin.left_out.get(variant, {}).items()
            ]
            for size in self.m:
                part = _part(twin, size)
                if not part.queries:
                    continue
                name = f"{variant}, m={size}"
                found = observed(part, self._asked(part, runner, name, seed), runner.plan)
                before = [clean[str(one.query.meta["attack_of"])] for one in found]
                rows.append(_row(name, found, part, before, seed))
                per_query += [_told(name, one) for one in found]
        return Findings("adversarial", self.title, rows, notes, per_query)

    def _asked(self, part: Dataset, runner: Runner, name: str, seed: int) -> list[Record]:
        label = f"adversarial {name} {self.position}"
        if self.position == "natural":
            return runner.run(part.queries, label=label, documents=part.documents)
        if not isinstance(runner, ChangesRankings):
            raise UsageError("position: this runner cannot change rankings; take 'natural'")
        planted: dict[str, list[str]] = {}
        for one in part.documents:
            if one.metadata.get("poison") is True:
                planted.setdefault(str(one.metadata["target_qid"]), []).append(one.id)
        changes = {
            one.id: RankingChange(insert=self._places(planted[one.id], one, seed))
            for one in part.queries
        }
        return runner.run_changed(
            part.queries, label=label, changes=changes, documents=part.documents
        )

    def _places(
        self, planted: Sequence[str], query: LabelledQuery, seed: int
    ) -> tuple[tuple[int, str], ...]:
        count = len(planted)
        places: Sequence[int]
        match self.position:
            case "first":
                places = range(count)
            case "last":
                places = range(max(self.depth - count, 0), max(self.depth - count, 0) + count)
            case _:
                drawn = random.Random(f"{seed}|position|{query.id}")
                places = sorted(drawn.sample(range(max(self.depth, count)), count))
        return tuple(zip(places, planted, strict=True))


def _writer(runner: Runner) -> Write | None:
    """The pipeline's language model, where the runner lends one."""
    if not isinstance(runner, Writes):
        return None

    def write(prompts: Sequence[tuple[str, str]], draw: int) -> list[str]:
        return runner.write(prompts, max_tokens=WRITTEN_TOKENS, stop=("\n",), draw=draw)

    return write


def _clean_set(twin: Twin) -> Dataset:
    """The attacked questions, asked over clean passages and scored as attacked ones."""
    data = twin.dataset
    targets = {
        str(one.meta["attack_of"]): one.meta["incorrect_answer"]
        for one in data.queries
        if one.meta.get("attacked")
    }
    queries = tuple(
        replace(one, meta={**one.meta, "attacked": True, "incorrect_answer": targets[one.id]})
        for one in data.queries
        if one.id in targets
    )
    return replace(data, queries=queries, documents=_without_planted(data.documents))


def _part(twin: Twin, size: int) -> Dataset:
    """The attacked questions of one size; the corpus holds what was planted for every size."""
    queries = tuple(
        one for one in twin.dataset.queries if one.meta.get("attacked") and one.meta["m"] == size
    )
    return replace(twin.dataset, queries=queries)


def _row(
    name: str,
    found: Sequence[Observation],
    dataset: Dataset,
    before: Sequence[Observation] | None,
    seed: int,
) -> Row:
    planted = {one.id for one in dataset.documents if one.metadata.get("poison") is True}
    old = None if before is None else _statistics(before, frozenset())
    return compared(name, clusters_of(found), _statistics(found, planted), old, seed=seed)


def _statistics(
    found: Sequence[Observation], planted: frozenset[str] | set[str]
) -> dict[str, Statistic]:
    figures = poison.measure(found, planted.__contains__).figures
    return {column: figures[key].statistic for column, key in COLUMNS.items()}


def _without_planted(documents: Sequence[Document]) -> tuple[Document, ...]:
    return tuple(one for one in documents if one.metadata.get("poison") is not True)


def _notes(twin: Twin) -> list[str]:
    made = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in twin.kinds.items())
    notes = [f"Wrong answers, by the rule that made them: {made}."]
    notes += [
        f"{counted(number, 'question')} not attacked: {reason}."
        for reason, number in twin.left_out.get("", {}).items()
    ]
    if twin.removed:
        notes.append(f"{counted(twin.removed, 'planted passage')} of the set itself left out.")
    return notes


def _told(name: str, one: Observation) -> dict[str, Any]:
    return {
        "query_id": one.query.id,
        "row": name,
        "text": one.query.text,
        "attacker's answer": one.query.meta.get("incorrect_answer"),
    } | came_out(one)
