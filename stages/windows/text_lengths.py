"""Which models a component calls, and how long texts are to them: what estimates begin from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay.corpora.corpus import Corpus
from assay.models.hash_embedder import HashEmbedder
from assay.models.langchain_settings import estimated_tokens
from assay.models.language_model import LanguageModel
from assay.models.local_embedder import LocalEmbedder
from assay.models.protocols import CrossEncoder, Embedder, SparseEncoder
from assay.models.token_logit_scorer import TokenLogitScorer
from assay.pipeline.component import Component, Resource
from assay.pipeline.context import RunContext
from assay.stages.windows.window import Sizes, WindowRanker

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""

MODELS = (LanguageModel, CrossEncoder, Embedder, SparseEncoder, WindowRanker)
MARKS = 2
"""Tokens that an embedder puts around a text, as a rule."""
EMBEDDED = 16
"""Most passages that are embedded to learn their length."""
WORD = "word"
SEARCHES: Mapping[str, type] = {"dense": Embedder, "sparse": SparseEncoder}
"""What a search of a corpus calls; ``bm25`` calls nothing."""


def models_of(component: Component) -> tuple[Resource, ...]:
    """Models that a component calls, those that read texts themselves before window rankers.

    They are its resources, and theirs. A corpus has models, too, but calls one only for the
    searches that the component's ``needs`` name: who looks up words or neighbours calls none.

    Args:
        component: a node or a resource.
    """
    searches = {search for needed in component.needs.values() for search in needed}
    called = tuple(kind for search, kind in SEARCHES.items() if search in searches)
    found: dict[int, Resource] = {}
    seen: set[int] = set()
    waiting: list[object] = list(vars(component).values())
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Mapping):
            waiting += [value for value in one.values() if isinstance(value, Resource)]
        elif isinstance(one, list | tuple):
            waiting += [value for value in one if isinstance(value, Resource)]
        elif isinstance(one, Resource) and id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, MODELS):
                found[id(one)] = one
            own = list(vars(one).values())
            waiting += [it for it in own if isinstance(it, called)] if _is_store(one) else own
    return tuple(sorted(found.values(), key=lambda one: isinstance(one, WindowRanker)))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths in tokens of a question and of each passage of a ranking.

    Args:
        query: of the question.
        passages: of each passage, in order.
        marks: see ``Sizes``.
    """

    query: int
    passages: tuple[int, ...]
    marks: int

    def first(self, n: int) -> Sizes:
        """The mean of the first n passages, rounded up; 0 of none."""
        some = self.passages[:n]
        return Sizes(self.query, -(-sum(some) // max(1, len(some))), self.marks)


def counted(
    models: Sequence[Resource], query: str, passages: Sequence[str], *, embed: bool = False
) -> Lengths:
    """Lengths by the first tokenizer at hand, else by bytes.

    An embedder's lengths are with the prefixes and marks that it adds.

    Args:
        models: as ``models_of`` gives them.
        query: the question's text.
        passages: their texts.
        embed: whether an embedder of this process may be called to learn what it adds, and, where
            it shows no tokenizer, the lengths of the first passages; else both are estimated.
    """
    reader = next((one for one in models if isinstance(one, LanguageModel | Embedder)), None)
    if embed and isinstance(reader, Embedder) and _only_embeds(reader):
        asked, texts = _embedded(reader, [query], passages[:EMBEDDED])
    else:
        before, behind = extra_tokens(reader, embed=embed)
        asked = [before + tokens_of(reader, query)]
        texts = [behind + tokens_of(reader, one) for one in passages]
    return Lengths(asked[0], tuple(texts), next(_marks(models), Sizes(0, 0).marks))


def tokens_of(reader: Resource | None, text: str) -> int:
    """Tokens of a bare text as a model counts them.

    Without a tokenizer a token is taken for three bytes, which is rather too many than too few.
    """
    if isinstance(reader, LanguageModel):
        return reader.count_tokens(text)
    offsets = reader.token_offsets(text) if isinstance(reader, Embedder) else None
    return estimated_tokens(text) if offsets is None else len(offsets)


def extra_tokens(reader: Resource | None, *, embed: bool) -> tuple[int, int]:
    """Tokens that an embedder reads beside those of a question, and of a passage; else none.

    Args:
        reader: an embedder, or any other.
        embed: whether one of this process may be called to learn it.
    """
    if not isinstance(reader, Embedder) or isinstance(reader, HashEmbedder):
        return 0, 0
    if embed and isinstance(reader, LocalEmbedder):
        own = tokens_of(reader, WORD)
        asked, texts = _embedded(reader, [WORD], [WORD])
        return max(0, asked[0] - own), max(0, texts[0] - own)
    prefixes = (
        getattr(reader.config, name, None) or "" for name in ("query_prefix", "passage_prefix")
    )
    before, behind = (MARKS + tokens_of(reader, prefix) for prefix in prefixes)
    return before, behind


def _only_embeds(embedder: Embedder) -> bool:
    """Whether it is one of this process that shows no tokenizer."""
    local = isinstance(embedder, LocalEmbedder | HashEmbedder)
    return local and embedder.token_offsets(WORD) is None


def _embedded(
    embedder: Embedder, queries: Sequence[str], passages: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Tokens of each text by the embedder's own account."""
    asked, shown = [RunContext() for _ in queries], [RunContext() for _ in passages]
    if asked:
        embedder.embed_queries(queries, asked)
    if shown:
        embedder.embed_passages(passages, shown)
    return [one.cost.tokens_in for one in asked], [one.cost.tokens_in for one in shown]


def _is_store(resource: Resource) -> bool:
    return isinstance(resource, Corpus)


def _marks(models: Sequence[Resource]) -> Iterator[int]:
    """Tokens that a scorer over a language model puts around a pair: those of its form."""
    for one in models:
        if isinstance(one, TokenLogitScorer):
            model = next(it for it in vars(one).values() if isinstance(it, LanguageModel))
            yield model.count_prompt(one.config.asked().prompt("", "", one.config.instruction))
