"""What is scored is read off the types of a pipeline's nodes."""

from __future__ import annotations

from pathlib import Path

from assay.evaluation.plan import Plan, plan_of
from assay.pipeline import build, build_text

REFERENCE = Path(__file__).parents[2] / "examples" / "python-reference" / "pipeline.yaml"


def test_the_shipped_pipeline_has_its_rankings_selections_and_verifiers() -> None:
    assert plan_of(build(REFERENCE)) == Plan(
        rankings=("sparse", "dense", "fused", "reranked"),
        ranking="reranked",
        selections=("selected", "verified", "sufficient", "focused"),
        verifies=True,
        refuses=True,
    )


def test_a_pipeline_without_a_verifier_refuses_nothing(tmp_path: Path) -> None:
    text = """
assay: 1
name: small
resources:
  corpus: {use: corpora.local@1, config: {path: index}}
  judge: {use: models.onnx_cross_encoder@1, config: {model: ms-marco-minilm-l12-v2-int8}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: corpus}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: found}}
  said: {use: generate.extractive@1, resources: {model: judge}, inputs: {query: query, selection: chosen}}
output: said
"""
    plan = plan_of(build_text(text, name="p.yaml", base=tmp_path))
    assert plan == Plan(rankings=("found",), ranking="found", selections=("chosen",))
