"""A runner that keeps nothing: it builds a real pipeline over a real corpus for every run."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.dataset import Dataset, LabelledQuery, to_query
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.evaluation.plan import Plan, plan_of
from assay.models.protocols import Embedder
from assay.pipeline import Node, Pipeline, RunContext, build_text


def pipeline_of(
    nodes: Mapping[str, Any], output: str, *, resources: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A pipeline over a corpus called 'corpus'; a node without inputs gets the question."""
    corpus = {"use": "corpora.local@1", "config": {"path": "index"}}
    if resources and "embedder" in resources:
        corpus["resources"] = {"embedder": "embedder"}
    return {
        "assay": 1,
        "name": "small",
        "resources": {**(resources or {}), "corpus": corpus},
        "nodes": dict(nodes),
        "output": output,
    }


def words_then(*more: tuple[str, dict[str, Any]], by: str = "bm25") -> dict[str, Any]:
    """A retriever, then other rankings, then the first two passages; no model."""
    nodes: dict[str, Any] = {
        "found": {
            "use": f"retrieve.{by}@1", "config": {"k": 50}, "resources": {"corpus": "corpus"},
            "inputs": {"query": "query"},
        }
    }  # fmt: skip
    last = "found"
    for name, one in more:
        nodes[name] = {**one, "inputs": {"query": "query", "ranking": last}}
        last = name
    nodes["chosen"] = {
        "use": "select.top_k@1", "config": {"k": 2}, "inputs": {"query": "query", "ranking": last}
    }  # fmt: skip
    nodes["said"] = {
        "use": "generate.extractive@1", "resources": {"model": "judge"},
        "inputs": {"query": "query", "selection": "chosen"},
    }  # fmt: skip
    resources = {"judge": {"use": "models.overlap_cross_encoder@1"}}
    if by == "dense":
        resources["embedder"] = {"use": "models.hash_embedder@1"}
    return pipeline_of(nodes, "said", resources=resources)


@dataclass
class DirectRunner:
    """See ``Runner``.

    Args:
        spec: the pipeline, as its file would say.
        dataset: the pipeline's own corpus holds its passages.
        folder: for indexes.
        given: objects for nodes whose ``use`` is ``given``.
    """

    spec: Mapping[str, Any]
    dataset: Dataset
    folder: Path
    given: Mapping[str, Node] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Label and number of questions of each run."""

    @property
    def plan(self) -> Plan:
        return plan_of(self._built(self.folder / "own", ()))

    def run(
        self,
        queries: Sequence[LabelledQuery],
        *,
        label: str,
        documents: Sequence[Document] | None = None,
        overrides: Collection[str] = (),
    ) -> list[Mapping[str, Any]]:
        self.asked.append((label, len(queries)))
        place = self.folder / f"run{len(self.asked)}"
        pipeline = self._built(place, overrides)
        for name, one in pipeline.resources.items():
            if isinstance(one, LocalCorpus):
                pipeline.start(only=pipeline.needs(name))
                one.index(
                    self.dataset.documents if documents is None else documents,
                    skipped={},
                    progress=lambda stage, done, total: None,
                )
        with pipeline:
            return [one.to_json() for one in pipeline.batch([to_query(one) for one in queries])]

    def _built(self, place: Path, overrides: Collection[str]) -> Pipeline:
        place.mkdir(parents=True, exist_ok=True)
        return build_text(
            json.dumps(self.spec), name="small", base=place, nodes=self.given, overrides=overrides
        )


class EmbeddingRunner(DirectRunner):
    """Lends the pipeline's embedder."""

    def embed_questions(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        pipeline = self._built(self.folder / "embed", ())
        for name, one in pipeline.resources.items():
            if isinstance(one, Embedder):
                pipeline.start(only={name})
                found: NDArray[np.float32] = one.embed_queries(texts, [RunContext() for _ in texts])
                pipeline.close()
                return found
        return None
