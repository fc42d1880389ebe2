"""What the cross-encoders that run in this process share: queries, windows, accounts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from assay.models.account import book, check
from assay.models.protocols import CrossEncoder, Floats
from assay.models.text_windows import Window
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError

Engine = TypeVar("Engine")


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """What is read of a query.

    Args:
        encoding: its tokens, of the library tokenizers.
        tokens: how many it has.
        read: how many of them are read.
    """

    encoding: Any
    tokens: int
    read: int


class LocalCrossEncoder(CrossEncoder, Generic[Engine]):
    """Pairs in windows, windows through the engine, the best one's logit.

    A subclass loads its engine in ``start`` and says how it encodes, cuts, runs and counts.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._engine: Engine | None = None

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Raw logits, shape ``(len(pairs),)``, larger is more relevant."""
        self._loaded()
        check(contexts)
        queries = {query: self._read(query) for query in dict.fromkeys(one for one, _ in pairs)}
        cut: list[list[Window]] = []
        owners: list[RunContext] = []
        for (query, passage), context in zip(pairs, contexts, strict=True):
            read = queries[query]
            if read.read < read.tokens:
                context.note(query_tokens=read.tokens, query_tokens_read=read.read)
            cut.append(self._cut(passage, read.encoding, context))
            owners += [context] * len(cut[-1])
        flat = [window for windows in cut for window in windows]
        logits = self._run(flat, owners) if flat else []
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: {self.config.model} gave a logit that is not finite")
        lengths = [len(window.ids) for window in flat]
        book(owners, lengths, [self._flops(length) for length in lengths])
        for windows, context in zip(cut, contexts, strict=True):
            context.count(passages_windowed=int(len(windows) > 1))
        rest = iter(logits)
        return np.asarray([max(next(rest) for _ in windows) for windows in cut], dtype=np.float32)

    @abstractmethod
    def _encode(self, text: str) -> Any:
        """Tokens of a text as plain text, of the library tokenizers."""

    @abstractmethod
    def _cut(self, passage: str, query: Any, context: RunContext | None) -> list[Window]:
        """The windows of a passage, each behind the encoded query."""

    @abstractmethod
    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[float]:
        """The logit of each window."""

    @abstractmethod
    def _flops(self, tokens: int) -> float:
        """Operations for a window of so many tokens."""

    def _read(self, query: str) -> ReadQuery:
        """A query's first tokens, up to half of a window."""
        encoding = self._encode(query)
        tokens = len(encoding.ids)
        longest = self.config.max_tokens // 2
        if tokens > longest:
            encoding.truncate(longest)
        return ReadQuery(encoding, tokens, min(tokens, longest))

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._engine
