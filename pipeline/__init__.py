"""The core: vocabulary, typed nodes, graph, config, registry, run records.

Knows no retrieval method and no model.
"""

from typing import TYPE_CHECKING, Any

from assay.pipeline.component import Config, Node, Resource, node, register
from assay.pipeline.context import Cost, RunContext
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
    Signals,
    Skipped,
    Turn,
    Verdict,
    Verdicts,
)

if TYPE_CHECKING:
    from assay.pipeline.builder import build, build_text
    from assay.pipeline.codec import from_json, to_json
    from assay.pipeline.events import Event, Finished, Piece
    from assay.pipeline.graph import Pipeline
    from assay.pipeline.record import RunRecord

_LATER = {
    "Event": "events",
    "Finished": "events",
    "Piece": "events",
    "Pipeline": "graph",
    "RunRecord": "record",
    "build": "builder",
    "build_text": "builder",
    "from_json": "codec",
    "to_json": "codec",
}
"""What reads and runs pipeline files, by module: loaded when first asked for, since who only
writes nodes needs none of it."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'assay.pipeline' has no attribute '{name}'")
    from importlib import import_module

    found = getattr(import_module(f"assay.pipeline.{_LATER[name]}"), name)
    globals()[name] = found
    return found


__all__ = [
    "Abstention",
    "AbstentionReason",
    "Answer",
    "Citation",
    "Config",
    "Cost",
    "Dropped",
    "Event",
    "Finished",
    "Flag",
    "Hit",
    "Node",
    "Outcome",
    "Passage",
    "Piece",
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
    "Signals",
    "Skipped",
    "Turn",
    "Verdict",
    "Verdicts",
    "build",
    "build_text",
    "from_json",
    "node",
    "register",
    "to_json",
]
