"""What the steps of a build work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.corpora.corpus import Corpus
from assay.evaluation.building.library import Library
from assay.evaluation.building.pooling import Pool, round_trip_k
from assay.evaluation.building.support import (
    CrossEncoderJudge,
    Judge,
    ModelJudge,
    RuleJudge,
    Terms,
)
from assay.evaluation.building.writer import Writer
from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

JudgeName = Literal["auto", "cross_encoder", "model", "rule"]


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that is started and ready.

    Args:
        library: the tenant's passages.
        terms: makes index terms.
        pool: the corpus's retrievers.
        judge: of support.
        writer: None where there is no language model.
        encoder: None where there is no cross-encoder.
        k: of the round trip, as it is applied.
        tenant: on whose behalf.
        context: pays for what is not the writer's or the judge's own.
        facts_by_model: whether nuggets are written by the model, else by rule.
    """

    library: Library
    terms: Terms
    pool: Pool
    judge: Judge
    writer: Writer | None
    encoder: CrossEncoder | None
    k: int
    tenant: str
    context: RunContext
    facts_by_model: bool = False


def tools_of(
    library: Library,
    corpus: Corpus,
    context: RunContext,
    *,
    writes: LanguageModel | None,
    encoder: CrossEncoder | None,
    judge: JudgeName,
    facts_by_model: bool,
    k: int,
    depth: int,
    tenant: str,
) -> Tools:
    """What a build works with, out of what a pipeline has.

    Args:
        library: the tenant's passages.
        corpus: started.
        context: pays for all of it.
        writes: a language model, if there is one.
        encoder: a cross-encoder, if there is one.
        judge: ``auto`` takes the cross-encoder, else the rule.
        facts_by_model: whether nuggets are written by the model.
        k: of the round trip, at most.
        depth: passages of each retriever that are judged.
        tenant: on whose behalf.

    Raises:
        UsageError: if a model is asked for that there is not, or that cannot do it.
    """
    if facts_by_model and writes is None:
        raise UsageError("--nuggets model needs a language model: name one with --model")
    applied = round_trip_k(k, len(library.passages))
    return Tools(
        library=library,
        terms=corpus.terms,
        pool=Pool(corpus, tenant, depth=max(depth, applied), context=context),
        judge=_judge(judge, writes, encoder, corpus.terms, context),
        writer=None if writes is None else Writer(writes, context),
        encoder=encoder,
        k=applied,
        tenant=tenant,
        context=context,
        facts_by_model=facts_by_model,
    )


def _judge(
    wanted: JudgeName,
    writes: LanguageModel | None,
    encoder: CrossEncoder | None,
    terms: Terms,
    context: RunContext,
) -> Judge:
    if wanted == "model":
        if writes is None:
            raise UsageError("--judge model needs a language model: name one with --model")
        if Ability.NEXT_TOKEN_LOGPROBS not in writes.abilities:
            raise UsageError(
                f"--judge model: {writes.name} does not tell log-probabilities of next tokens; take"
                " --judge rule or cross_encoder"
            )
        return ModelJudge(writes, context)
    if wanted == "cross_encoder" and encoder is None:
        raise UsageError("--judge cross_encoder: the pipeline has no cross-encoder")
    if encoder is not None and wanted in ("auto", "cross_encoder"):
        return CrossEncoderJudge(encoder, terms, context)
    return RuleJudge(terms)
