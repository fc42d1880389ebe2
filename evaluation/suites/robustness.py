"""Robustness: is a right answer kept, or given up, when question, passages or ranking change?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assay.corpora.dataset import Dataset
from assay.corpora.matching import is_correct
from assay.evaluation.observation import Observation
from assay.evaluation.statistics.resampling import Statistic, mean, ratio
from assay.evaluation.suites.comparing import clusters_of, compared, counted, observed, right
from assay.evaluation.suites.disturbances import (
    Disturbance,
    Family,
    Paraphrase,
    by_rules,
    passage_changes,
    question_changes,
    ranking_changes,
)
from assay.evaluation.suites.paraphrase import (
    PARAPHRASE_TOKENS,
    first_line,
    prompt_for_paraphrase,
)
from assay.evaluation.suites.runner_abilities import ChangesRankings, Writes
from assay.evaluation.suites.suite import Findings, Record, Row, Runner, Suite
from assay.pipeline.errors import UsageError

_ALL: Mapping[str, str] = {
    "question": "all changes of questions",
    "passage": "all changes of passages",
    "ranking": "all changes of rankings",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One question under one change.

    Args:
        now: with its record, and the labels that hold now.
        before: as it came out unchanged.
        right: whether it came out as it should under the change.
        stale: whether it gives the answer that no longer stands in its passages; None
            where the answer was not replaced.
        elsewhere: whether a stale answer stood in another passage of the context.
    """

    now: Observation
    before: Observation
    right: bool
    stale: bool | None
    elsewhere: bool

    @property
    def robust(self) -> float | None:
        """Whether it is right, where it was right before; None where it was not."""
        return float(self.right) if right(self.before) else None


class RobustnessSuite(BaseModel, Suite):
    """Changes questions, passages and rankings, and asks whether the outcome follows.

    A change that keeps the answer must keep the outcome: a right answer stays right, an
    abstention on an unanswerable question stays one. Where another answer stands in the
    passages, the new answer and an abstention are right; where the relevant passages are
    not retrieved, an abstention is, and so is a right answer that was found elsewhere.
    ``robust`` is the share of right ones among the questions that were right unchanged,
    ``right`` the share among all, ``stale`` the share that gives the replaced answer.

    All runs, the unchanged one too, are over a corpus of exactly the set's passages.

    Source: RARE (Zeng et al. 2025): queries, documents and retrieval are changed, and a
    right refusal counts as right. There a model's answer without documents says what it
    may know by itself; here the same question unchanged is what is compared with, since a
    pipeline that cites its evidence is to follow it.
    Cost: the pipeline's cost for each question, once a row; five corpora are indexed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "Whether outcomes follow the evidence when things around it change"

    families: tuple[Family, ...] = Field(
        default=get_args(Family), min_length=1, description="what is changed"
    )
    typos: PositiveInt = Field(default=2, description="typing errors in a mistyped question")
    paraphrases: Literal["rules", "model"] = Field(
        default="rules", description="who says questions in other words; model: the pipeline's own"
    )
    rounds: int = Field(
        default=1, ge=1, le=20, description="corpora for questions that share a passage"
    )
    distractors: PositiveInt = Field(
        default=3, description="other questions' passages that are put into a ranking"
    )
    depth: int = Field(default=10, ge=2, description="ranks that are shuffled, and put into")
    at: str = Field(
        default="", description="node whose ranking is changed; the last before the selection"
    )

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        known = [one for one in dataset.queries if not one.answerable or one.answers]
        if not known:
            raise UsageError(
                f"the set '{dataset.name}' does not say which answers are right: the robustness"
                " of answers cannot be measured on it"
            )
        notes = []
        if len(known) < len(dataset.queries):
            notes.append(
                f"{counted(len(dataset.queries) - len(known), 'question')} without an accepted"
                " answer left out."
            )
        asked = replace(dataset, queries=tuple(known))
        records = runner.run(known, label="robustness as they are", documents=dataset.documents)
        before = {one.query.id: one for one in observed(asked, records, runner.plan)}
        rows = [_first(list(before.values()), seed)]
        fine = sum(bool(right(one)) for one in before.values())
        notes.append(
            f"'robust' is over the {counted(fine, 'question')} of {len(before)} that came out"
            " right as they are, as far as a change is made for them."
        )
        seen: dict[str, list[_Seen]] = {}
        families: dict[str, Family] = {}
        left_out: dict[str, Counter[str]] = {}
        for change in self._changes(asked, runner, seed, notes):
            families[change.name] = change.family
            left_out.setdefault(change.name, Counter()).update(change.left_out)
            seen.setdefault(change.name, []).extend(self._asked(change, asked, runner, before))
        for name, found in seen.items():
            notes += [
                f"{name}: {counted(number, 'question')} left out, because {reason}."
                for reason, number in left_out[name].items()
                if number
            ]
            if found:
                rows.append(_row(name, found, seed))
                notes += _stale_note(name, found)
        rows += _totals(list(before.values()), seen, families, seed)
        per_query = [
            {
                "query_id": one.before.query.id, "row": name, "text": one.now.query.text,
                "outcome": one.now.record["outcome"], "answer": one.now.text,
                "right": one.right, "right_before": right(one.before), "stale": one.stale,
                "expected": list(one.now.query.answers),
            }
            for name, found in seen.items()
            for one in found
        ]  # fmt: skip
        return Findings("robustness", self.title, rows, notes, per_query)

    def _changes(
        self, dataset: Dataset, runner: Runner, seed: int, notes: list[str]
    ) -> Iterable[Disturbance]:
        if "question" in self.families:
            say = self._paraphrase(runner)
            yield from question_changes(dataset, typos=self.typos, paraphrase=say, seed=seed)
        if "passage" in self.families:
            yield from passage_changes(dataset, rounds=self.rounds, seed=seed)
        if "ranking" not in self.families:
            return
        if not isinstance(runner, ChangesRankings) or not (self.at or runner.plan.ranking):
            notes.append("Rankings were not changed: the pipeline makes none before it selects.")
            return
        yield from ranking_changes(
            dataset, distractors=self.distractors, depth=self.depth, seed=seed
        )

    def _paraphrase(self, runner: Runner) -> Paraphrase:
        if self.paraphrases == "rules":
            return by_rules
        if not isinstance(runner, Writes):
            raise UsageError("paraphrases=model needs a runner that lends a language model")

        def by_model(texts: Sequence[str]) -> list[str]:
            written = runner.write(
                [prompt_for_paraphrase(text) for text in texts],
                max_tokens=PARAPHRASE_TOKENS,
                stop=("\n",),
            )
            return [first_line(new) or old for new, old in zip(written, texts, strict=True)]

        return by_model

    def _asked(
        self,
        change: Disturbance,
        dataset: Dataset,
        runner: Runner,
        before: Mapping[str, Observation],
    ) -> list[_Seen]:
        if not change.queries:
            return []
        label = f"robustness {change.name}"
        documents = dataset.documents if change.documents is None else change.documents
        records: Sequence[Record]
        if change.changes and isinstance(runner, ChangesRankings):
            records = runner.run_changed(
                change.queries,
                label=label,
                changes=change.changes,
                node=self.at,
                documents=documents,
            )
        else:
            records = runner.run(change.queries, label=label, documents=documents)
        labelled = tuple(
            replace(one, answers=(change.instead[one.id],)) if one.id in change.instead else one
            for one in change.queries
        )
        now = observed(replace(dataset, queries=labelled), records, runner.plan)
        texts = {one.id: f"{one.title}\n{one.text}" for one in documents}
        return [_judged(one, before[one.query.id], change, texts) for one in now]


def _judged(
    now: Observation, before: Observation, change: Disturbance, texts: Mapping[str, str]
) -> _Seen:
    fine = bool(right(now)) or (change.may_abstain and now.abstained)
    if now.query.id not in change.instead:
        return _Seen(now, before, fine, None, elsewhere=False)
    old = before.query.answers
    stale = not fine and now.text is not None and is_correct(now.text, old)
    elsewhere = stale and any(is_correct(texts.get(name, ""), old) for name in now.in_context)
    return _Seen(now, before, fine, stale, elsewhere=elsewhere)


def _first(before: Sequence[Observation], seed: int) -> Row:
    statistics = {
        "right": mean([_number(right(one)) for one in before]),
        "abstained": mean([float(one.abstained) for one in before]),
    }
    return compared("as they are", clusters_of(before), statistics, seed=seed)


def _row(name: str, found: Sequence[_Seen], seed: int) -> Row:
    now: dict[str, Statistic] = {
        "robust": mean([one.robust for one in found]),
        "right": mean([float(one.right) for one in found]),
        "abstained": mean([float(one.now.abstained) for one in found]),
    }
    if any(one.stale is not None for one in found):
        now["stale"] = mean([_number(one.stale) for one in found])
    before: dict[str, Statistic] = {
        "right": mean([_number(right(one.before)) for one in found]),
        "abstained": mean([float(one.before.abstained) for one in found]),
    }
    return compared(name, clusters_of([one.before for one in found]), now, before, seed=seed)


def _totals(
    before: Sequence[Observation],
    seen: Mapping[str, Sequence[_Seen]],
    families: Mapping[str, Family],
    seed: int,
) -> list[Row]:
    """Robustness over all changes of a family, and over all: every pair counts once."""
    rows = []
    groups = {
        title: [name for name, one in families.items() if one == family]
        for family, title in _ALL.items()
    } | {"all changes": list(families)}
    for title, names in groups.items():
        pairs = [one for name in names for one in seen[name]]
        if len(names) < 2 or not pairs:
            continue
        count, good = Counter[str](), Counter[str]()
        for one in pairs:
            if one.robust is not None:
                count[one.before.query.id] += 1
                good[one.before.query.id] += int(one.right)
        share = ratio(
            [float(good[one.query.id]) for one in before],
            [float(count[one.query.id]) for one in before],
        )
        rows.append(compared(title, clusters_of(before), {"robust": share}, seed=seed))
    return rows


def _stale_note(name: str, found: Sequence[_Seen]) -> list[str]:
    stale = sum(bool(one.stale) for one in found)
    if not stale:
        return []
    elsewhere = sum(one.elsewhere for one in found)
    return [
        f"{name}: of {counted(stale, 'stale answer')} {elsewhere} stood in another passage of the"
        " context, which was not edited."
    ]


def _number(value: bool | None) -> float | None:
    return None if value is None else float(value)
