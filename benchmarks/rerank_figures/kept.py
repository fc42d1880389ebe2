"""Models whose answers are kept on disk, so that real nodes run on them again and again.

Costs are kept with the answers and booked each time; seconds are processor time of the one real
run, in proportion to the tokens.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from assay.corpora.rendering import rendered
from assay.models.protocols import CrossEncoder, Embedder, Floats
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.words import Passage, ScoreKind
from benchmarks.rerank_figures.first_stage import Candidates
from benchmarks.rerank_figures.scores import Scored


class KeptCrossEncoder(CrossEncoder):
    """Answers from a file, and from the model what is not there yet.

    Args:
        path: one JSON object a line, appended to.
        load: starts the model; asked only where something is missing.
    """

    def __init__(self, path: Path, load: Callable[[], CrossEncoder]) -> None:
        super().__init__(Config())
        self._path = path
        self._load = load
        self._model: CrossEncoder | None = None
        self._known: dict[str, Scored] = {}
        self.seconds = 0.0
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self._known |= {key: Scored(*one) for key, one in json.loads(line).items()}
                except ValueError:
                    continue

    @property
    def kind(self) -> ScoreKind:
        """Logits."""
        return ScoreKind.LOGIT

    def fingerprint(self) -> str:
        """Over the file's name."""
        return str(self._path)

    def holds(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Whether nothing of this has to be computed."""
        return all(_key(pair) in self._known for pair in pairs)

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Kept logits; the kept costs are booked, and ``seconds`` grows by the kept ones."""
        missing = [pair for pair in dict.fromkeys(pairs) if _key(pair) not in self._known]
        if missing:
            self._compute(missing)
        found = [self._known[_key(pair)] for pair in pairs]
        for one, context in zip(found, contexts, strict=True):
            context.spend(calls=one.calls, tokens_in=one.tokens, flops=one.flops)
        self.seconds += sum(one.seconds for one in found)
        return np.array([one.logit for one in found], dtype=np.float32)

    def _compute(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._model = self._model or self._load()
        own = [RunContext() for _ in pairs]
        begin = time.process_time()
        logits = self._model.score(pairs, own)
        spent = time.process_time() - begin
        tokens = sum(one.cost.tokens_in for one in own)
        new = {
            _key(pair): Scored(
                round(float(logit), 6),
                one.cost.calls,
                one.cost.tokens_in,
                one.cost.flops,
                round(spent * one.cost.tokens_in / tokens, 6),
            )
            for pair, logit, one in zip(pairs, logits, own, strict=True)
        }
        self._known |= new
        told = {
            key: [one.logit, one.calls, one.tokens, one.flops, one.seconds]
            for key, one in new.items()
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")


class KeptEmbedder(Embedder):
    """Vectors by text, for texts that are known; in place of a corpus's stored vectors.

    Args:
        vectors: of each text, of length 1.
    """

    def __init__(self, vectors: Mapping[str, Floats]) -> None:
        super().__init__(Config())
        self._vectors = vectors

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return len(next(iter(self._vectors.values())))

    def fingerprint(self) -> str:
        """There is one a benchmark."""
        return "kept"

    def embed_queries(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Kept vectors; nothing is booked."""
        return np.stack([self._vectors[text] for text in texts])

    def embed_passages(self, texts: Sequence[str], contexts: Sequence[RunContext]) -> Floats:
        """Kept vectors; nothing is booked, as a corpus's vectors cost nothing."""
        return np.stack([self._vectors[text] for text in texts])


def vectors(
    path: Path, found: Sequence[Candidates], depth: int, load: Callable[[], Embedder]
) -> dict[str, Floats]:
    """Vectors of questions and of their best passages, by text; made where they are not kept.

    Args:
        path: an .npz file.
        found: questions with their rankings.
        depth: passages of each.
        load: starts the embedder; asked only where something is missing.
    """
    ids: list[str] = []
    rows = np.zeros((0, 0), dtype=np.float32)
    if path.exists():
        with np.load(path) as kept:
            ids, rows = [str(one) for one in kept["ids"]], kept["rows"]
    known = set(ids)
    passages: dict[str, Passage] = {
        f"p:{hit.passage.id}": hit.passage for one in found for hit in one.ranking.hits[:depth]
    }
    queries = {f"q:{one.question.query.id}": one.question.query.text for one in found}
    new_passages = sorted(set(passages) - known)
    new_queries = sorted(set(queries) - known)
    if new_passages or new_queries:
        embedder = load()
        made = [rows] if ids else []
        if new_queries:
            texts = [queries[name] for name in new_queries]
            made.append(embedder.embed_queries(texts, [RunContext() for _ in texts]))
        if new_passages:
            texts = [rendered(passages[name]) for name in new_passages]
            made.append(embedder.embed_passages(texts, [RunContext() for _ in texts]))
        ids, rows = [*ids, *new_queries, *new_passages], np.concatenate(made)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, ids=np.array(ids), rows=rows)
    row = {name: rows[place] for place, name in enumerate(ids)}
    return {queries[name]: row[name] for name in queries} | {
        rendered(one): row[name] for name, one in passages.items()
    }


def _key(pair: tuple[str, str]) -> str:
    return hashlib.sha256("\x1f".join(pair).encode("utf-8", "replace")).hexdigest()[:24]
