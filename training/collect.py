"""The rankings that a node of a pipeline is given, with what is relevant: what it learns from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.corpora.corpus import Corpus
from assay.corpora.dataset import DEFAULT_TENANT, Dataset, LabelledQuery, to_query
from assay.pipeline import Pipeline, Query
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, Node
from assay.pipeline.errors import DataError, UsageError, nearest
from assay.pipeline.plan import Step, wanted
from assay.pipeline.policy import PLAIN
from assay.pipeline.types import Signature, members
from assay.pipeline.words import Abstention, AbstentionReason, Ranking
from assay.training.labelled_rankings import LabelledRankings

CHUNK = 64
"""Questions that are carried through the nodes together, so that models see full batches."""


def _nothing(*_: object) -> None:
    """Tell nobody."""


def collect(
    pipeline: Pipeline,
    node: str,
    dataset: Dataset,
    *,
    tenant: str = DEFAULT_TENANT,
    seed: int = 0,
    advance: Callable[[str, int, int], None] = _nothing,
    say: Callable[[str], None] = _nothing,
) -> list[LabelledRankings]:
    """Run a pipeline up to the inputs of a node and keep the rankings that it is given.

    The node itself does not run and need not be trained or fitted. A question is labelled if
    it has judgements, or if the set says that it has no answer; of the second kind nothing is
    relevant. A judged passage that is a duplicate in the corpus counts as the one that stands
    for it; one that cannot be indexed stays needed, and no ranking has it. The question's id is
    that of each ranking's query.

    Args:
        pipeline: built. What the node's inputs need is started where it is not; closing is the
            caller's, as after ``start``.
        node: name of a node with at least one ranking among its inputs.
        dataset: whose questions are asked; its passages must be in the pipeline's corpora.
        tenant: on whose behalf.
        seed: of the run.
        advance: told a stage's name, questions done and questions in all.
        say: told in a sentence how many questions were left out, and why.

    Returns:
        One entry for each labelled question that reached the node, in the order of the set. The
        rankings have the names of the node's ports, and those of a port that takes several
        have the names that they have in the file. ``group`` is the set's name, ``cluster``
        that of the question (``meta.cluster``).

    Raises:
        UsageError: if there is no such node, it takes no ranking, or two rankings have one name.
        DataError: if a node failed on a question, judged passages are not in the corpus, or no
            labelled question is left.
    """
    if node not in pipeline.steps:
        raise UsageError(f"the pipeline has no node '{node}'; {nearest(node, pipeline.steps)}")
    _names(pipeline.steps[node])
    labelled = [one for one in dataset.queries if dataset.qrels.get(one.id) or not one.answerable]
    if len(labelled) < len(dataset.queries):
        say(
            f"{len(dataset.queries) - len(labelled)} of {len(dataset.queries)} questions of"
            f" '{dataset.name}' have no judgements and are left out"
        )
    probe = _Probe()
    part = _up_to(pipeline, node, probe)
    part.without_cache().start()
    # Its threads and its cache are closed here; it has started no part itself.
    running = replace(part, _started=[])
    found: list[LabelledRankings] = []
    missed: dict[str, int] = {}
    try:
        for start in range(0, len(labelled), CHUNK):
            chunk = labelled[start : start + CHUNK]
            asked = [to_query(one, tenant) for one in chunk]
            for one, query, inputs in zip(
                chunk, asked, _given(running, asked, probe, seed, dataset.name), strict=True
            ):
                if isinstance(inputs, str):
                    missed[inputs] = missed.get(inputs, 0) + 1
                else:
                    found.append(_labelled(running, dataset, one, query, inputs))
            advance("ranking", start + len(chunk), len(labelled))
    finally:
        running.close()
    for reason, count in missed.items():
        say(f"{count} questions did not reach '{node}' and are left out: {reason}")
    if not found:
        raise DataError(
            f"no labelled question of '{dataset.name}' reached the node '{node}': it has"
            f" {len(dataset.queries)} questions, {len(labelled)} of them labelled"
        )
    return found


def upstream(pipeline: Pipeline, node: str) -> str:
    """A digest of everything that a node's inputs depend on: nodes, models, indexes, wiring.

    Args:
        pipeline: as it is after ``collect`` for this node, or started.
        node: a node of it.
    """
    parts = _up_to(pipeline, node, _Probe()).parts()
    nodes = {name: one for name, one in parts["nodes"].items() if name != node}
    own = {
        port: dict(feed) if isinstance(feed, Mapping) else feed
        for port, feed in pipeline.steps[node].inputs.items()
    }
    kept = {key: parts[key] for key in ("resources", "libraries")}
    return digest({"nodes": nodes, "inputs": own, **kept})


class _Probe(Node):
    """Stands in the place of a node and keeps what that is given."""

    name = "training.probe@1"

    def __init__(self) -> None:
        super().__init__(Config())
        self.given: list[Mapping[str, Any]] = []
        self._lock = threading.Lock()

    def run(self, **inputs: Any) -> Abstention:
        """Keep the inputs; the detail of the abstention is their place."""
        with self._lock:
            self.given.append(inputs)
            return Abstention(self.name, AbstentionReason.SKIPPED, detail=str(len(self.given) - 1))


def _up_to(pipeline: Pipeline, node: str, probe: _Probe) -> Pipeline:
    """The nodes before one, with a probe in its place, over the same resources."""
    own = pipeline.steps[node]
    stand_in = replace(
        own,
        node=probe,
        signature=Signature(own.signature.ports, Abstention, None),
        resources={},
        policy=PLAIN,
        waits=(),
    )
    steps = {**pipeline.steps, node: stand_in}
    needed = wanted(steps, node)
    spare = {name for one in needed for name in steps[one].policy.fallback.values()}
    while spare - needed:  # what stands in for a node that fails, with all that it needs
        needed |= {name for one in spare for name in wanted(steps, one)}
        spare = {name for one in needed for name in steps[one].policy.fallback.values()}
    used = {name for one in needed for name in steps[one].resources.values()}
    used |= {name for one in used for name in pipeline.needs(one)}
    return replace(
        pipeline,
        steps={name: step for name, step in steps.items() if name in needed},
        resources={name: one for name, one in pipeline.resources.items() if name in used},
        output=node,
        thresholds={},
        void=None,
        _pool=None,
        _fingerprint=None,
        _running=None,
    )


def _given(
    running: Pipeline, asked: Sequence[Query], probe: _Probe, seed: int, name: str
) -> list[Mapping[str, Any] | str]:
    """What the node is given for each question, or why it is given nothing."""
    probe.given.clear()
    records = running.batch(asked, seed=seed)
    given: list[Mapping[str, Any] | str] = []
    for record in records:
        outcome: Any = record.outcome
        if record.error is not None:
            raise DataError(
                f"question '{record.query.id}' of '{name}': node '{record.error['node']}' failed:"
                f" {record.error['message']}; nothing is learned from a part of the questions"
            )
        if isinstance(outcome, Abstention) and outcome.stage == probe.name:
            given.append(probe.given[int(outcome.detail)])
        elif outcome.reason is AbstentionReason.SKIPPED:
            given.append(outcome.detail)
        else:
            given.append(f"'{outcome.stage}' abstained ({outcome.reason.value})")
    return given


def _names(step: Step) -> None:
    """Refuse a node that takes no ranking, or two of one name."""
    names: list[str] = []
    for port, feed in step.inputs.items():
        declared = step.signature.ports[port]
        if Ranking in members(declared.joined or declared.type):
            names += [port] if isinstance(feed, str) else list(feed)
    if not names:
        raise UsageError(
            f"the node '{step.name}' ({step.node.name}) is given no ranking: name a node that is,"
            " such as a selector"
        )
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice:
        raise UsageError(
            f"the node '{step.name}' is given two rankings of the name '{twice[0]}': rename one"
            " in the pipeline file"
        )


def _labelled(
    running: Pipeline,
    dataset: Dataset,
    labelled: LabelledQuery,
    query: Query,
    inputs: Mapping[str, Any],
) -> LabelledRankings:
    rankings: dict[str, Ranking] = {}
    for port, value in inputs.items():
        if isinstance(value, Ranking):
            rankings[port] = value
        elif isinstance(value, Mapping):
            rankings |= {key: one for key, one in value.items() if isinstance(one, Ranking)}
    cluster = labelled.meta.get("cluster")
    return LabelledRankings(
        rankings,
        _standing(running, dataset, query),
        group=dataset.name,
        cluster="" if cluster is None else str(cluster),
    )


def _standing(running: Pipeline, dataset: Dataset, query: Query) -> dict[str, int]:
    """A question's grades on the passages that stand for duplicates in the corpora."""
    grades: dict[str, int] = {}
    left = dict(dataset.qrels.get(query.id, {}))
    for corpus in running.resources.values():
        if not isinstance(corpus, Corpus):
            continue
        there = sorted(corpus.holds(left, query.scope.tenant))
        for name, passage in zip(there, corpus.get(there, query), strict=True):
            grades[passage.id] = max(left.pop(name), grades.get(passage.id, 0))
    lost = {name for name, grade in left.items() if grade > 0} - dataset.skipped.keys()
    if lost:
        raise DataError(
            f"question '{query.id}' of '{dataset.name}' needs {len(lost)} passages that the"
            f" pipeline's corpus lacks, such as '{min(lost)}': index the set first with"
            " 'assay index PIPELINE --data DIR'"
        )
    # What the set has and cannot be indexed, such as an empty passage, is needed and never found.
    return grades | left
