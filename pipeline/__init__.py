"""The core: vocabulary, typed nodes, graph, config, registry, run records.

Knows no retrieval method and no model.
"""

from assay.pipeline.build import build, build_text
from assay.pipeline.codec import from_json, to_json
from assay.pipeline.component import Config, Node, Resource, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.graph import Pipeline
from assay.pipeline.record import RunRecord
from assay.pipeline.words import (
    Abstention,
    AbstentionReason,
    Answer,
    Citation,
    Dropped,
    Flag,
    Hit,
    Outcome,
    Passage,
    Query,
    QueryVariants,
    Ranking,
    Scope,
    Score,
    ScoreKind,
    Selection,
    Turn,
    Verdict,
    Verdicts,
)

__all__ = [
    "Abstention",
    "AbstentionReason",
    "Answer",
    "Citation",
    "Config",
    "Cost",
    "Dropped",
    "Flag",
    "Hit",
    "Node",
    "Outcome",
    "Passage",
    "Pipeline",
    "Query",
    "QueryVariants",
    "Ranking",
    "Resource",
    "RunContext",
    "RunRecord",
    "Scope",
    "Score",
    "ScoreKind",
    "Selection",
    "Turn",
    "Verdict",
    "Verdicts",
    "build",
    "build_text",
    "from_json",
    "register",
    "to_json",
]
