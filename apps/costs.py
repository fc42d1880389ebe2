"""What the nodes of a started pipeline will spend on a question, before it is asked."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from assay.corpora.local import LocalCorpus
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder, Embedder, SparseEncoder
from assay.pipeline import Pipeline
from assay.pipeline.component import Component, Resource
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.plan import Step
from assay.stages.generate.llm import Llm, prompt_for
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes, WindowRanker

QUESTION = "What does it do, and when should it be used?"
"""The question of which the tokens are counted unless one is given."""
PASSAGES = 100
"""Passages that come in where nothing says how many."""
SAMPLE = 128
"""Passages that are drawn from the corpora."""
LOOKED_AT = 100_000
"""Most passages of a corpus that the sample is drawn from, the first ones."""
SEED = 0
MODELS = (LanguageModel, CrossEncoder, Embedder, SparseEncoder, WindowRanker)
WORD = 4 / 3
"""Tokens of an English word, for models that do not count."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one node will spend.

    Args:
        node: its name in the file.
        use: its registered name.
        passages: how many come in; None where it takes none.
        cost: what it says; None where it cannot tell.
        note: what limits the figure; '' for nothing.
    """

    node: str
    use: str
    passages: int | None
    cost: Cost | None
    note: str


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a question will cost.

    Args:
        nodes: all that call a model, in the order of the file; the last ones may not run.
        lengths: for each model by name, the tokens of question and passage that were counted on.
        sampled: passages that were drawn for it; 0 where their length was given.
    """

    nodes: tuple[Told, ...]
    lengths: dict[str, Sizes]
    sampled: int


def estimates(
    pipeline: Pipeline,
    *,
    question: str = QUESTION,
    passages: int | None = None,
    passage_tokens: int | None = None,
) -> Estimates:
    """Ask every node that calls a model what it will spend.

    Args:
        pipeline: started.
        question: counted by each model's own tokenizer.
        passages: that come in; None for what the pipeline's own ``k`` says.
        passage_tokens: of a passage; None to count a sample of the corpora.

    Raises:
        UsageError: if there is nothing to draw passages from.
    """
    texts = [] if passage_tokens is not None else _sample(pipeline)
    told: list[Told] = []
    lengths: dict[str, Sizes] = {}
    for name, step in pipeline.steps.items():
        models = list(_models(step.node))
        estimate = getattr(step.node, "estimate", None)
        if not models and estimate is None:
            continue
        count = _incoming(pipeline, name, passages)
        note = f"only if {step.condition.text}" if step.condition is not None else ""
        cost: Cost | None = None
        if estimate is not None or isinstance(step.node, Llm):
            reader = models[0] if models else None
            sizes, flops = _sizes(reader, question, texts, passage_tokens)
            if reader is not None:
                lengths.setdefault(_called(pipeline, reader), sizes)
            if isinstance(step.node, Llm):
                cost = _generation(step.node, count or PASSAGES, question, sizes)
                note = "; ".join(filter(None, [note, "tokens at most"]))
            elif estimate is not None:
                cost = estimate(PASSAGES if count is None else count, sizes)
            if cost is not None and not cost.flops and flops:
                cost = replace(cost, flops=flops * cost.calls)
        told.append(Told(name, step.node.name, count, cost, note))
    return Estimates(tuple(told), lengths, len(texts))


def _incoming(pipeline: Pipeline, name: str, passages: int | None) -> int | None:
    """Passages that come into a node: those of the first stage, less what is cut on the way."""
    step = pipeline.steps[name]
    before = [
        found
        for feed in _feeds(step)
        if feed in pipeline.steps and (found := _outgoing(pipeline, feed, passages)) is not None
    ]
    return max(before, default=None)


def _outgoing(pipeline: Pipeline, name: str, passages: int | None) -> int | None:
    own = getattr(pipeline.steps[name].node.config, "k", None)
    incoming = _incoming(pipeline, name, passages)
    if incoming is None:  # it reads the question alone
        return None if own is None else passages or own
    return incoming if own is None else min(own, incoming)


def _feeds(step: Step) -> Iterator[str]:
    for feed in step.inputs.values():
        yield from [feed] if isinstance(feed, str) else feed.values()


def _models(component: Component) -> Iterator[Resource]:
    """Models that a component reaches, those that read texts themselves first."""
    found: dict[int, Resource] = {}
    waiting: list[object] = list(vars(component).values())
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Resource) and id(one) not in found:
            found[id(one)] = one
            waiting += vars(one).values()
    models = [one for one in found.values() if isinstance(one, MODELS)]
    yield from sorted(models, key=lambda one: isinstance(one, WindowRanker))


def _called(pipeline: Pipeline, resource: Resource) -> str:
    """A resource's name in the file, or its registered one."""
    names = (name for name, one in pipeline.resources.items() if one is resource)
    return next(names, resource.name)


def _sample(pipeline: Pipeline) -> list[str]:
    """Texts of passages, as rerankers read them, drawn without repetition."""
    corpora = [one for one in pipeline.resources.values() if isinstance(one, LocalCorpus)]
    chance = random.Random(SEED)
    drawn: list[str] = []
    seen = 0
    for corpus in corpora:
        for passage in islice(corpus.every_passage(), LOOKED_AT):
            seen += 1
            place = chance.randrange(seen)
            if len(drawn) < SAMPLE:
                drawn.append(read(passage))
            elif place < SAMPLE:
                drawn[place] = read(passage)
    if not drawn:
        raise UsageError(
            "no passages to count tokens of: the pipeline has no local corpus that holds any; say"
            " how long passages are with --passage-tokens"
        )
    return drawn


def _sizes(
    model: Resource | None, question: str, texts: Sequence[str], passage_tokens: int | None
) -> tuple[Sizes, float]:
    """Lengths as the model counts them, and operations of one pair where its account tells."""
    if isinstance(model, CrossEncoder):
        return _pair_sizes(model, question, texts, passage_tokens)

    def count(text: str) -> int:
        if isinstance(model, LanguageModel):
            return model.count_tokens(text)
        offsets = model.token_offsets(text) if isinstance(model, Embedder) else None
        return round(WORD * len(text.split())) if offsets is None else len(offsets)

    passage = passage_tokens
    if passage is None:
        passage = round(sum(map(count, texts)) / len(texts))
    return Sizes(count(question), passage), 0.0


def _pair_sizes(
    model: CrossEncoder, question: str, texts: Sequence[str], passage_tokens: int | None
) -> tuple[Sizes, float]:
    """Lengths and operations off the account of a few pairs: cross-encoders count nothing else."""

    def spent(query: str, passages: Sequence[str]) -> Cost:
        context = RunContext()
        model.score([(query, one) for one in passages], [context] * len(passages))
        return context.cost

    marks = spent("", [""]).tokens_in
    query = spent(question, [""]).tokens_in - marks
    whole = spent(question, texts or ["the " * (passage_tokens or 1)])
    passage = passage_tokens
    if passage is None:
        passage = round(whole.tokens_in / len(texts)) - query - marks
    return Sizes(query, passage), whole.flops / whole.calls


def _generation(node: Llm, count: int, question: str, sizes: Sizes) -> Cost:
    """One call: instruction, examples, question and as many passages as it may have."""
    read_ = min(node.config.passage_tokens, min(count, node.config.max_passages) * sizes.passage)
    return Cost(
        calls=1,
        rounds=1,
        tokens_in=node.model.count_prompt(prompt_for(question, ())) + read_,
        tokens_out=node.config.max_tokens,
    )
