"""What the nodes of a started pipeline will spend on a question, before it is asked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from assay.apps.passage_counts import Count, feeds, incoming
from assay.corpora.corpus import Corpus
from assay.corpora.kinds import BM25
from assay.corpora.local import LocalCorpus
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder, Embedder, SparseEncoder
from assay.pipeline import Pipeline
from assay.pipeline.component import Node, Resource
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.plan import Step
from assay.pipeline.types import members, signature
from assay.pipeline.words import Query, QueryVariants
from assay.stages.flow.pipeline import Inner
from assay.stages.flow.repeat import Repeat
from assay.stages.generate.llm import Llm, prompt_for
from assay.stages.rewrite.multi_query import MultiQuery
from assay.stages.windows.passage_text import read
from assay.stages.windows.text_lengths import counted, models_of
from assay.stages.windows.window import Sizes

QUESTION = "What does it do, and when should it be used?"
"""The question of which the tokens are counted unless one is given."""
PASSAGES = 100
"""Passages that come in where nothing says how many."""
SAMPLE = 128
"""Passages that are drawn from the corpora."""
ENOUGH = 10
"""Passages found by words from which on they stand for those that come."""
LOOKED_AT = 100_000
"""Most passages of a corpus that the sample is drawn from, the first ones."""
SEED = 0


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
        sampled: passages that were drawn or found for it; 0 where their length was given.
        looked: whether they were found by the question's words; of them a node counts as many as
            it reads.
    """

    nodes: tuple[Told, ...]
    lengths: dict[str, Sizes]
    sampled: int
    looked: bool = False


def estimates(
    pipeline: Pipeline,
    *,
    question: str = QUESTION,
    passages: int | None = None,
    passage_tokens: int | None = None,
    look: bool = False,
) -> Estimates:
    """Ask every node that calls a model what it will spend.

    Args:
        pipeline: started.
        question: counted by each model's own tokenizer.
        passages: that come in; None for what the pipeline's own ``k`` says.
        passage_tokens: of a passage; None to count a sample of the corpora.
        look: whether to count the passages that have the question's words instead, best first,
            where there are ``ENOUGH``: those that are found may be longer. Calls no model.

    Raises:
        UsageError: if there is nothing to draw passages from.
    """
    texts, held = ([], None) if passage_tokens is not None else _sample(pipeline)
    found_texts = _with_words(pipeline, question) if look and texts else []
    looked = len(found_texts) >= ENOUGH
    texts = found_texts if looked else texts
    told: list[Told] = []
    lengths: dict[str, Sizes] = {}
    for name, step in pipeline.steps.items():
        node = step.node
        models = models_of(node)
        found = incoming(pipeline, name, passages=passages, held=held)
        count = None if found is None else found.most
        notes = [f"only if {step.condition.text}"] if step.condition is not None else []
        cost: Cost | None = None
        if isinstance(node, Inner):
            inner = _of_inner(node, question, passages, passage_tokens)
            if inner is None:
                continue
            cost, note = inner
            notes.append(note)
        elif isinstance(node, Llm) or hasattr(node, "estimate"):
            read_ = texts[: _read_at_most(node, count)] if looked else texts
            sizes, flops = lengths_of(node, question, read_, passage_tokens=passage_tokens)
            if models:
                lengths.setdefault(_called(pipeline, models[0]), sizes)
            if isinstance(node, Llm):
                cost = _generation(node, count or PASSAGES, question, sizes)
                notes.append("tokens at most")
            elif count is None:  # it reads the question alone, or its wordings
                cost = node.estimate(0, sizes)
                notes.append(_per_wording(pipeline, step, cost))
            else:
                cost = node.estimate(count, sizes)
                notes += [_fused(node, found), getattr(node, "estimate_note", _no_note)(count)]
            if flops and not cost.flops:
                cost = replace(cost, flops=flops * cost.calls)
        elif not models:
            continue
        told.append(Told(name, node.name, count, cost, "; ".join(filter(None, notes))))
    return Estimates(tuple(told), lengths, len(texts), looked)


def lengths_of(
    node: Node, question: str, texts: Sequence[str], *, passage_tokens: int | None = None
) -> tuple[Sizes, float]:
    """Lengths as a node's models count them, and operations of one pair where that is known.

    A cross-encoder and an embedder are called for it, a language model is not.

    Args:
        node: started.
        question: its text.
        texts: of passages, for the mean.
        passage_tokens: of a passage; None to count the texts.
    """
    models = models_of(node)
    flops = 0.0
    scorer = next((one for one in models if isinstance(one, CrossEncoder)), None)
    written = any(isinstance(one, LanguageModel) for one in models)
    sparse = models[0] if models and isinstance(models[0], SparseEncoder) else None
    sizes = counted(models, question, texts, embed=True).first(len(texts))
    if scorer is not None and not written:
        pairs, flops = _pair_sizes(scorer, question, texts, passage_tokens)
        alone = not any(isinstance(one, Embedder) for one in models)
        sizes = pairs if alone else replace(sizes, marks=pairs.marks)
    elif sparse is not None:
        context = RunContext()
        sparse.encode_queries([question], [context])
        sizes = replace(sizes, query=context.cost.tokens_in)
    return (sizes if passage_tokens is None else replace(sizes, passage=passage_tokens)), flops


def _fused(node: Node, count: Count | None) -> str:
    """What limits a figure for passages that a fusion may have met twice; '' for nothing."""
    cut = None if count is None else count.cut(getattr(node.config, "depth", None))
    if cut is None or cut.least == cut.most:
        return ""
    return f"at most, {cut.least} to {cut.most} passages"


def _no_note(n: int) -> str:
    return ""


def _of_inner(
    node: Inner, question: str, passages: int | None, passage_tokens: int | None
) -> tuple[Cost | None, str] | None:
    """What a pipeline within this one will spend, and what limits that; None for no model."""
    if node.pipeline is None:
        return None
    inner = estimates(
        node.pipeline, question=question, passages=passages, passage_tokens=passage_tokens
    ).nodes
    if not inner:
        return None
    times = node.config.times if isinstance(node, Repeat) else 1
    total = Cost()
    for _ in range(times):
        for one in inner:
            total.add(one.cost or Cost())
    open_ones = [one.node for one in inner if one.cost is None]
    if open_ones:
        return None, f"of {', '.join(open_ones)} within"
    return total, f"at most, for {times} runs" if times > 1 else ""


def _per_wording(pipeline: Pipeline, step: Step, cost: Cost) -> str:
    """Count a search once for each wording that may come in; changes the cost."""
    worded = [
        pipeline.steps[one].node
        for one in feeds(step)
        if one in pipeline.steps
        and QueryVariants in members(signature(pipeline.steps[one].node.run).output)
    ]
    if not cost.calls or not worded:
        return ""
    if not isinstance(worded[0], MultiQuery):
        return "for each wording"
    wordings = 1 + worded[0].config.n
    cost.calls *= wordings
    cost.tokens_in *= wordings
    return f"at most, for {wordings} wordings"


def _called(pipeline: Pipeline, resource: Resource) -> str:
    """A resource's name in the file, or its registered one."""
    names = (name for name, one in pipeline.resources.items() if one is resource)
    return next(names, resource.name)


def _sample(pipeline: Pipeline) -> tuple[list[str], int | None]:
    """Texts of passages as rerankers read them, drawn without repetition, and how many there are.

    How many is None where there are more than are looked at, or a corpus that cannot be read so.
    """
    corpora = [one for one in pipeline.resources.values() if isinstance(one, Corpus)]
    local = [one for one in corpora if isinstance(one, LocalCorpus)]
    chance = random.Random(SEED)
    drawn: list[str] = []
    seen, whole = 0, len(local) == len(corpora)
    for corpus in local:
        before = seen
        for passage in islice(corpus.every_passage(), LOOKED_AT):
            seen += 1
            place = chance.randrange(seen)
            if len(drawn) < SAMPLE:
                drawn.append(read(passage))
            elif place < SAMPLE:
                drawn[place] = read(passage)
        whole = whole and seen - before < LOOKED_AT
    if not drawn:
        raise UsageError(
            "no passages to count tokens of: the pipeline has no local corpus that holds any; say"
            " how long passages are with --passage-tokens"
        )
    return drawn, seen if whole else None


def _with_words(pipeline: Pipeline, question: str) -> list[str]:
    """Texts of passages that share words with a question, the best first; calls no model."""
    found: list[str] = []
    for corpus in pipeline.resources.values():
        if isinstance(corpus, LocalCorpus) and BM25 in corpus.abilities:
            first = next(iter(corpus.every_passage()), None)
            if first is not None:
                hits = corpus.search_bm25(Query(question, first.scope), SAMPLE)
                found += [read(hit.passage) for hit in hits]
    return found


def _read_at_most(node: Node, count: int | None) -> int | None:
    """Passages that a node reads; None for all."""
    limits = [getattr(node.config, "depth", None), count]
    return min((one for one in limits if one is not None), default=None)


def _pair_sizes(
    model: CrossEncoder, question: str, texts: Sequence[str], passage_tokens: int | None
) -> tuple[Sizes, float]:
    """Lengths and operations by the account of a few pairs: cross-encoders count nothing else."""

    def spent(query: str, passages: Sequence[str]) -> Cost:
        context = RunContext()
        model.score([(query, one) for one in passages], [context] * len(passages))
        return context.cost

    marks = spent("", [""]).tokens_in
    query = spent(question, [""]).tokens_in - marks
    whole = spent(question, texts or ["the " * (passage_tokens or 1)])
    passage = passage_tokens
    if passage is None:
        passage = round(whole.tokens_in / max(1, len(texts)) - query - marks)
    return Sizes(query, passage, marks), whole.flops / whole.calls


def _generation(node: Llm, count: int, question: str, sizes: Sizes) -> Cost:
    """One call: instruction, examples, question and as many passages as it may have."""
    read_ = min(node.config.passage_tokens, min(count, node.config.max_passages) * sizes.passage)
    return Cost(
        calls=1,
        rounds=1,
        tokens_in=node.model.count_prompt(prompt_for(question, ())) + read_,
        tokens_out=node.config.max_tokens,
    )
