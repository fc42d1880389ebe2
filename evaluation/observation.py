"""One question, what is known about it, and what a pipeline did with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from assay.corpora.dataset import Dataset, EvidenceSpan, LabelledQuery
from assay.corpora.document import Document
from assay.corpora.matching import is_correct
from assay.evaluation.plan import Plan
from assay.evaluation.statistics.resampling import Figure
from assay.pipeline.errors import DataError

Found = TypeVar("Found")

FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a metric raises where a record or a label is not what it should be."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What one family of metrics found.

    Args:
        figures: metric key to its figure.
        rows: values of each question, in order, for the per-query file.
    """

    figures: Mapping[str, Figure]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The answer that a pipeline had, whether or not it gave it.

    Args:
        text: None where nothing was drafted.
        confidence: None where there is none.
        kind: the confidence's kind.
    """

    text: str | None
    confidence: float | None
    kind: str | None


@dataclass(frozen=True)
class Observation:
    """A labelled question with its run record.

    Args:
        query: the question.
        record: the run record as JSON.
        grades: judged passages, 0 is not relevant.
        spans: evidence spans.
        planted: passages that were planted to attack this question.
        plan: the pipeline's plan.
    """

    query: LabelledQuery
    record: Mapping[str, Any]
    grades: Mapping[str, int]
    spans: tuple[EvidenceSpan, ...]
    planted: frozenset[str]
    plan: Plan

    @property
    def failed(self) -> bool:
        """Whether a node failed; such a question has no text to score."""
        return bool(self.record["outcome"] == "failed")

    @property
    def answered(self) -> bool:
        """Whether an answer was given."""
        return bool(self.record["outcome"] == "answered")

    @property
    def abstained(self) -> bool:
        """Whether the pipeline abstained."""
        return bool(self.record["outcome"] == "abstained")

    @property
    def text(self) -> str | None:
        """The answer that was given, None where there is none."""
        return str(self.record["answer"]["text"]) if self.answered else None

    @property
    def attacked(self) -> bool:
        """Whether passages were planted for this question."""
        return bool(self.planted) or bool(self.query.meta.get("attacked"))

    @property
    def targets(self) -> tuple[str, ...]:
        """What the attacker wants said: ``meta.incorrect_answer`` or ``meta.wrong_answers``."""
        meta = self.query.meta
        named = [meta.get("incorrect_answer"), *(meta.get("wrong_answers") or ())]
        return tuple(dict.fromkeys(str(one) for one in named if one is not None))

    @cached_property
    def relevant(self) -> frozenset[str]:
        """Passages judged relevant (grade above 0)."""
        return frozenset(name for name, grade in self.grades.items() if grade > 0)

    def complete(self, passages: Collection[str]) -> bool:
        """Whether passages hold all the evidence: one set of ``meta.gold_passages``.

        Without that key, all relevant passages are needed; False where none is known.
        """
        alternatives = self.query.meta.get("gold_passages") or [self.relevant]
        have = set(passages)
        return bool(self.relevant) and any(set(names) <= have for names in alternatives)

    def right(self, text: str) -> bool | None:
        """Whether an answer is right; None where the set does not say what would be.

        Any answer to an unanswerable question is wrong.
        """
        if not self.query.answerable:
            return False
        return is_correct(text, self.query.answers) if self.query.answers else None

    def ranked(self, node: str) -> tuple[str, ...]:
        """Passage ids in the order of one ranking node, empty if it did not run."""
        entry = self.record["stages"].get(node, {})
        return tuple([one["id"] for one in entry.get("passages", ())])

    @cached_property
    def in_context(self) -> tuple[str, ...]:
        """Passages that reached the generator; none where a gate abstained before."""
        if not self.plan.selections:
            return ()
        return tuple(self.record["stages"].get(self.plan.selections[-1], {}).get("kept", ()))

    @cached_property
    def last_kept(self) -> tuple[str, ...]:
        """The last selection that was made, also where a gate abstained on it."""
        for node in reversed(self.plan.selections):
            entry = self.record["stages"].get(node, {})
            if "kept" in entry:
                return tuple(entry["kept"])
        return ()

    @cached_property
    def verdicts(self) -> dict[str, list[Mapping[str, Any]]]:
        """Every verified passage with the flags of all verifiers."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for entry in self.record["stages"].values():
            for verdict in entry.get("verdicts", ()):
                found.setdefault(verdict["id"], []).extend(verdict["flags"])
        return found

    @cached_property
    def refused(self) -> frozenset[str]:
        """Passages that a selection dropped on the word of a verifier."""
        return frozenset(
            one["id"]
            for entry in self.record["stages"].values()
            for one in entry.get("dropped", ())
            if one["reason"].startswith("verifier:")
        )

    @cached_property
    def candidate(self) -> Candidate:
        """The answer given, else the last one on the way that carries a confidence."""
        if self.answered:
            return _candidate(self.record["answer"])
        for entry in reversed(list(self.record["stages"].values())):
            answer = entry.get("answer")
            if answer is not None and answer.get("confidence") is not None:
                return _candidate(answer)
        score = self.record.get("abstention", {}).get("score") or {}
        return Candidate(None, score.get("value"), score.get("kind"))


def _candidate(answer: Mapping[str, Any]) -> Candidate:
    confidence = answer.get("confidence") or {}
    return Candidate(str(answer["text"]), confidence.get("value"), confidence.get("kind"))


def each(
    metric: str, observations: Sequence[Observation], measure: Callable[[Observation], Found]
) -> list[Found]:
    """What a metric finds on each question; the first failure stops the evaluation.

    Raises:
        DataError: naming the metric, the question and the reason.
    """
    found = []
    for one in observations:
        try:
            found.append(measure(one))
        except FAILURES as error:
            raise failure(metric, one.query.id, error) from error
        except DataError as error:
            raise DataError(f"'{metric}' on the question '{one.query.id}': {error}") from error
    return found


def failure(metric: str, question: str, error: Exception) -> DataError:
    """The error of a metric that failed on a question."""
    return DataError(
        f"'{metric}' failed on the question '{question}' with {type(error).__name__}: {error};"
        " its run record or its labels break their format: mend or remove the question"
    )


def observe(
    dataset: Dataset, records: Sequence[Mapping[str, Any]], plan: Plan
) -> list[Observation]:
    """Join questions with their records, in the order of the questions.

    Raises:
        DataError: if a question has no record, a record no question, or two records
            one question.
    """
    by_id: dict[str, Mapping[str, Any]] = {}
    for record in records:
        query_id = record["query_id"]
        if query_id in by_id:
            raise DataError(f"two run records for the question '{query_id}'; keep one of them")
        by_id[query_id] = record
    wanted = {query.id for query in dataset.queries}
    missing, strange = wanted - by_id.keys(), by_id.keys() - wanted
    if missing or strange:
        name = min(missing or strange)
        what = "has no run record" if missing else "is in the run and not in the set"
        raise DataError(
            f"the question '{name}' {what} ({len(missing)} missing, {len(strange)} too many):"
            " score exactly the questions that were run"
        )
    planted = _planted(dataset.documents, dataset.qrels, dataset.queries)
    return [
        Observation(
            query=query,
            record=by_id[query.id],
            grades=dataset.qrels.get(query.id, {}),
            spans=dataset.spans.get(query.id, ()),
            planted=planted.get(query.id, frozenset()),
            plan=plan,
        )
        for query in dataset.queries
    ]


def _planted(
    documents: Iterable[Document],
    qrels: Mapping[str, Mapping[str, int]],
    queries: Sequence[LabelledQuery],
) -> dict[str, frozenset[str]]:
    """The planted passages of each attacked question.

    A planted passage names its question (``meta.target_qid``); one that names none is
    aimed at the questions that judge it or whose scope holds it.
    """
    found: dict[str, set[str]] = {}
    unaimed: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        if document.metadata.get("poison") is not True:
            continue
        target = document.metadata.get("target_qid")
        if target is None:
            unaimed[document.id] = document.metadata
        else:
            found.setdefault(str(target), set()).add(document.id)
    if unaimed:
        by_scope: dict[tuple[str, Any], set[str]] = {}
        fields = {query.meta["scope"]["field"] for query in queries if query.meta.get("scope")}
        for name, metadata in unaimed.items():
            for field in fields & metadata.keys():
                by_scope.setdefault((field, metadata[field]), set()).add(name)
        for query in queries:
            scope = query.meta.get("scope")
            near = set(unaimed.keys() & qrels.get(query.id, {}).keys())
            if scope:
                near |= by_scope.get((scope["field"], scope["value"]), set())
            if near:
                found.setdefault(query.id, set()).update(near)
    return {name: frozenset(ids) for name, ids in found.items()}
