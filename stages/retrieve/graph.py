"""Retrieve by a random walk over the graph of passages, from the first hits on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat

from assay.corpora.corpus import Corpus
from assay.corpora.passage_graph import EdgeKind, PassageGraph
from assay.corpora.walk import walk
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.readable import require_readable
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind
from assay.stages.retrieve.wordings import check_where


class GraphConfig(Config):
    """Settings of ``retrieve.graph@1``."""

    k: int = Field(50, ge=1, le=10_000, description="most passages retrieved")
    restart: float = Field(
        0.6,
        ge=0.01,
        le=1.0,
        description="probability that the walk ends where it is; lower goes further from the seeds",
    )
    precision: float = Field(
        1e-4,
        ge=1e-6,
        le=0.1,
        description="share of the walks that may stay unfinished at a passage",
    )
    explored: int = Field(
        10, ge=0, le=10_000, description="most passages whose edges are searched for"
    )
    weights: dict[EdgeKind, NonNegativeFloat] = Field(
        default={"beside": 1.0, "shared": 1.0, "nearest": 0.0},
        description="of the kinds of edges: 'beside' in the document, 'shared' rare terms,"
        " 'nearest' by embedding; one that is left out has 0",
    )
    degree: int = Field(5, ge=1, le=1000, description="most edges of a kind from one passage")
    rare_terms: int = Field(
        8, ge=1, le=1000, description="most of a passage's rare terms that tie it to others"
    )
    terms: Literal["names", "all"] = Field(
        "names",
        description="which terms tie: 'names' are capitalised words and words with figures; 'all'"
        " for scripts without capitals",
    )


@register("retrieve.graph@1")
class Graph(Node):
    """Passages by the share of random walks from the seeds that end there (``corpora.walk.walk``).

    The seeds are the hits of a ranking, the one of rank r with weight 1/r. Edges tie passages that
    stand side by side, share rare names, or are alike (``corpora.passage_graph``); they are
    searched for where the walk comes by, in the query's scope and filters. So passages are found
    that share no word with the question and a name with a passage that does: the second hop of
    a question over two documents. A hit whose passage has no edges keeps its share, and where no
    passage has any, the order is that of the seeds.

    Personalised PageRank for retrieval is HippoRAG's (Gutiérrez, Shu, Gu, Yasunaga and Su 2024,
    NeurIPS), which lets a language model extract the graph and ends a walk with probability 0.5
    a step. PageRank's usual 0.15 wanders too far: it loses more of the seeds' order than it finds.

    Of equal mass the passage with the better rank among the seeds comes first, then the lower
    id. The run record has ``walk_explored`` (passages whose edges were searched for) and
    ``walk_left`` (share of the walks that was not followed to its end).

    Cost: no model calls; for each of ``explored`` passages a search by words, and one by vector
    where ``nearest`` has a weight.

    Args:
        config: see ``GraphConfig``.
        corpus: what the seeds are of.
    """

    Config = GraphConfig
    gives = ("pagerank",)

    def __init__(self, config: GraphConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Walk from the ranking's hits.

        Raises:
            ScopeError: if the query's reader may not read one of them.
            UsageError: if the query's filter cannot be read, or ``nearest`` has a weight and the
                corpus no embedder.
        """
        config = self.config
        check_where(query)
        require_readable(ranking, query.scope, ranking.source)
        if not ranking.hits:
            return Ranking(query, (), self.name)
        graph = PassageGraph(
            self._corpus,
            query,
            (hit.passage for hit in ranking.hits),
            weights=config.weights,
            degree=config.degree,
            rare=config.rare_terms,
            terms=config.terms,
            check=context.check,
        )
        ranks = {name: rank for rank, name in enumerate(ranking.ids, start=1)}
        found = walk(
            {name: 1 / rank for name, rank in ranks.items()},
            graph.edges,
            restart=config.restart,
            precision=config.precision,
            most=config.explored,
        )
        context.note(walk_explored=len(found.expanded), walk_left=found.left)
        last = len(ranks) + 1
        order = sorted(
            found.masses, key=lambda one: (-found.masses[one], ranks.get(one, last), one)
        )
        hits = (
            Hit(graph.passages[one], Score(found.masses[one], ScoreKind.PAGERANK, self.name))
            for one in order[: config.k]
        )
        return Ranking(query, tuple(hits), self.name)
