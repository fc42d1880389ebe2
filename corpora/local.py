"""``corpora.local@1``: a corpus in one folder, searched by BM25 and by embeddings.

Dense search compares with every visible vector (one matrix product), which is
exact and takes milliseconds up to some hundred thousand passages.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from assay.corpora.analyzer import Analyzer, StemmerName, StopWords, words
from assay.corpora.chunk import cut
from assay.corpora.corpus import Corpus, IndexReport, Progress
from assay.corpora.deduplicate import Entry, merge_duplicates, merkle_root
from assay.corpora.document import Document
from assay.corpora.embedding_cache import embed_cached
from assay.corpora.generations import current, has_generation, locked, write_generation
from assay.corpora.lexical import LexicalIndex
from assay.corpora.selection import Mask, Visibility, best_rows
from assay.models.protocols import Embedder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.codec import from_json, to_json
from assay.pipeline.component import Config, register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import CorpusError, DataError, UsageError
from assay.pipeline.words import Hit, Passage, Query, Score, ScoreKind


def rendered(passage: Passage) -> str:
    """What is indexed and embedded of a passage: its title, a line end, its text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An index in memory; rows are in order of passage id."""

    passages: tuple[Passage, ...]
    rows: Mapping[str, int]
    visibility: Visibility
    lexical: LexicalIndex
    vectors: Floats | None
    vocabulary: Mapping[str, int]
    fingerprint: str


class LocalCorpusConfig(Config):
    """Settings of ``corpora.local@1``: where the corpus lies, how documents are cut and read."""

    path: str = Field(description="folder of the index, relative to the pipeline file")
    max_words: int = Field(
        default=120, ge=20, le=2000, description="most words of a passage; a tail may exceed it"
    )
    overlap: int = Field(
        default=0, ge=0, le=5, description="sentences repeated from the passage before"
    )
    stop_words: StopWords = Field(default="none", description="function words that BM25 leaves out")
    stemmer: StemmerName = Field(default="english", description="folding of word endings")
    k1: float = Field(default=1.2, ge=0, le=10, description="BM25: how soon repetition is enough")
    b: float = Field(default=0.75, ge=0, le=1, description="BM25: how much length counts")

    @field_validator("path")
    @classmethod
    def _seen_from_the_file(cls, path: str, info: ValidationInfo) -> str:
        if not path.strip():
            raise ValueError("the corpus needs a folder; write for example 'path: index'")
        base = (info.context or {}).get("base", Path())
        return str(relative_to(base, path))


@register("corpora.local@1")
class LocalCorpus(Corpus):
    """Passages, BM25 and vectors in a folder; one index run at a time, many readers.

    Args:
        config: see ``LocalCorpusConfig``.
        embedder: makes vectors; None for a corpus that is searched by BM25 only.
    """

    Config = LocalCorpusConfig

    def __init__(self, config: LocalCorpusConfig, *, embedder: Embedder | None = None) -> None:
        super().__init__(config)
        self._embedder = embedder
        self._folder = Path(config.path)
        self._analyzer = Analyzer(stop_words=config.stop_words, stemmer=config.stemmer)
        self._loaded: _Loaded | None = None

    def prepare(self, base: Path) -> tuple[str, ...]:
        """See ``Component.prepare``: an embedder whose vectors are not compared by cosine."""
        return self._unsuited()

    def start(self) -> None:
        """Load the index and check it against its digests.

        Raises:
            UsageError: if the embedder's vectors are not compared by cosine.
            CorpusError: if it is missing, damaged, or was made with other settings.
        """
        for sentence in self._unsuited():
            raise UsageError(f"{self.name}: {sentence}")
        folder, manifest = current(self._folder)
        for name, wanted in self._settings().items():
            if manifest["settings"].get(name) != wanted:
                raise CorpusError(
                    f"the index in '{self._folder}' was made with "
                    f"{name}={manifest['settings'].get(name)!r}, the pipeline says {wanted!r}: "
                    "index again with 'assay index PIPELINE --docs PATH'"
                )
        entries = _read_entries(folder / "passages.jsonl")
        vectors_file = folder / "vectors.npy"
        self._loaded = _Loaded(
            passages=tuple(entry.passage for entry in entries),
            rows={
                name: row
                for row, entry in enumerate(entries)
                for name in (entry.passage.id, *(alias.id for alias in entry.aliases))
            },
            visibility=Visibility(entries),
            lexical=LexicalIndex.read(folder / "bm25"),
            vectors=np.load(vectors_file, allow_pickle=False) if vectors_file.exists() else None,
            vocabulary=json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")),
            fingerprint=digest([self.name, manifest["merkle_root"], manifest["settings"]]),
        )

    @property
    def indexed(self) -> bool:
        """Whether there is an index to start from; it may still be damaged."""
        return has_generation(self._folder)

    def close(self) -> None:
        """Forget the index."""
        self._loaded = None

    def fingerprint(self) -> str:
        """sha256 over passages (Merkle root), settings and embedder; not over the path."""
        return self._index().fingerprint

    @property
    def passages(self) -> Sequence[Passage]:
        """All passages by id, of every scope: for building labelled sets, not for answers."""
        return self._index().passages

    def index(
        self,
        documents: Iterable[Document],
        *,
        skipped: Mapping[str, str],
        progress: Progress,
    ) -> IndexReport:
        """See ``Corpus.index``. The embedder must be started, the corpus need not be.

        Raises:
            UsageError: if no document has any text, or the embedder's vectors are not compared
                by cosine.
            DataError: if two documents, or two passages, have one id.
            CorpusError: if another run is writing, or the disk refuses.
        """
        for sentence in self._unsuited():
            raise UsageError(f"{self.name}: {sentence}")
        with locked(self._folder):
            passages: list[Passage] = []
            digests: dict[str, str] = {}
            sizes: dict[str, int] = {}
            whole: set[str] = set()
            left_out: dict[str, str] = {}
            for number, document in enumerate(documents, start=1):
                if document.id in digests or document.id in left_out:
                    raise DataError(f"two documents have the id '{document.id}'; ids are unique")
                found = cut(document, max_words=self.config.max_words, overlap=self.config.overlap)
                if found:
                    passages += found
                    digests[document.id] = digest(to_json(document))
                    sizes[document.id] = len(document.text)
                    if document.whole:
                        whole.add(document.id)
                else:
                    left_out[document.id] = "no text below its headings"
                progress("read", number, number)
            left_out = {**skipped, **left_out}
            if not passages:
                raise UsageError(_nothing(left_out))
            _refuse_same_ids(passages)
            entries = merge_duplicates(passages, sizes, frozenset(whole))
            manifest = self._manifest(entries, digests)
            before = self._before()
            if any(before.get(key) != value for key, value in manifest.items()):
                vectors = self._embed(entries, progress)
                write_generation(
                    self._folder, manifest, lambda into: self._write(into, entries, vectors)
                )
            progress("write", 1, 1)
        if self._loaded is not None:
            self.start()
        old: dict[str, str] = before.get("documents", {})
        changed = tuple(
            sorted(name for name in digests if old.get(name, "") not in ("", digests[name]))
        )
        added = tuple(sorted(digests.keys() - old.keys()))
        return IndexReport(
            added=added,
            changed=changed,
            removed=tuple(sorted(old.keys() - digests.keys())),
            unchanged=len(digests) - len(added) - len(changed),
            skipped=left_out,
            passages=len(entries),
            duplicates=len(passages) - len(entries),
        )

    def search_bm25(self, query: Query, k: int) -> Sequence[Hit]:
        """See ``Corpus.search_bm25``; ties are broken by passage id."""
        index = self._index()
        scores = index.lexical.scores(self._analyzer.terms(query.text))
        return self._hits(scores, index.visibility.mask(query) & (scores > 0), k, ScoreKind.BM25)

    def search_dense(self, query: Query, k: int, context: RunContext) -> Sequence[Hit]:
        """See ``Corpus.search_dense``; ties are broken by passage id.

        Raises:
            UsageError: if the corpus has no embedder.
        """
        index = self._index()
        if index.vectors is None or self._embedder is None:
            raise UsageError(
                "this corpus has no embedder, so it cannot be searched by meaning: name one "
                "under its 'resources' as 'embedder' and index again, or use retrieve.bm25"
            )
        vector = self._embedder.embed_queries([query.text], [context])[0]
        scores: NDArray[np.float32] = np.clip(index.vectors @ vector, -1.0, 1.0)
        return self._hits(scores, index.visibility.mask(query), k, ScoreKind.COSINE)

    def neighbours(self, passage: Passage, query: Query, distance: int) -> Sequence[Passage]:
        """See ``Corpus.neighbours``; the passage itself is not among them.

        Where a neighbour's text was indexed under another document that holds the
        same text, that passage is given.
        """
        index = self._index()
        names = [
            f"{passage.document_id}#{passage.position + step}"
            for step in range(-distance, distance + 1)
            if step
        ]
        return [
            found
            for found in self.get([name for name in names if name in index.rows], query)
            if found.id != passage.id
        ]

    def get(self, ids: Sequence[str], query: Query) -> Sequence[Passage]:
        """Passages by id, in the order asked for, as far as the query's scope may read them.

        The id of a duplicate gives the passage that stands for it.

        Raises:
            UsageError: for an id that is not in the corpus or not to be read.
        """
        index = self._index()
        found: list[Passage] = []
        for name in ids:
            row = index.rows.get(name)
            if row is None or not index.passages[row].scope.admits(query.scope):
                raise UsageError(f"no passage '{name}' in this corpus for this reader")
            found.append(index.passages[row])
        return found

    def vocabulary(self) -> Mapping[str, int]:
        """See ``Corpus.vocabulary``."""
        return self._index().vocabulary

    def _index(self) -> _Loaded:
        if self._loaded is None:
            raise CorpusError(f"the corpus in '{self._folder}' is not loaded: call start() first")
        return self._loaded

    def _hits(
        self, scores: NDArray[np.float32], candidates: Mask, k: int, kind: ScoreKind
    ) -> list[Hit]:
        if k < 1:
            raise UsageError(f"k must be at least 1, found {k}")
        passages = self._index().passages
        return [
            Hit(passages[row], Score(float(scores[row]), kind, self.name))
            for row in best_rows(scores, candidates, k)
        ]

    def _unsuited(self) -> tuple[str, ...]:
        """What is wrong with the embedder, in a sentence."""
        if self._embedder is None or self._embedder.similarity == "cosine":
            return ()
        return (
            f"passages are ranked by cosine, but the vectors of {self._embedder.name} are compared"
            f" by {self._embedder.similarity} product: write 'normalise: true' for it",
        )

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self.config.model_dump(mode="json", exclude={"path"})
        settings["embedder"] = None if self._embedder is None else self._embedder.fingerprint()
        return settings

    def _manifest(self, entries: Sequence[Entry], documents: Mapping[str, str]) -> dict[str, Any]:
        return {
            "settings": self._settings(),
            "merkle_root": merkle_root(entry.digest for entry in entries),
            "passages": len(entries),
            "aliases": {
                entry.passage.id: [alias.id for alias in entry.aliases]
                for entry in entries
                if entry.aliases
            },
            "documents": dict(sorted(documents.items())),
        }

    def _before(self) -> dict[str, Any]:
        """The manifest of the index so far; empty where there is none that is whole."""
        try:
            return current(self._folder)[1]
        except CorpusError:
            # Missing or damaged: this very run makes it new.
            return {}

    def _embed(self, entries: Sequence[Entry], progress: Progress) -> Floats | None:
        embedder = self._embedder
        if embedder is None:
            return None
        context = RunContext()
        return embed_cached(
            self._folder / "embeddings.sqlite",
            [rendered(entry.passage) for entry in entries],
            embedder=embedder.fingerprint(),
            dimension=embedder.dimension,
            embed=lambda texts: embedder.embed_passages(texts, [context] * len(texts)),
            progress=lambda done, total: progress("embed", done, total),
        )

    def _write(self, folder: Path, entries: Sequence[Entry], vectors: Floats | None) -> None:
        texts = [rendered(entry.passage) for entry in entries]
        lines = [json.dumps(to_json(entry), ensure_ascii=False) + "\n" for entry in entries]
        (folder / "passages.jsonl").write_text("".join(lines), encoding="utf-8")
        LexicalIndex.build(
            [self._analyzer.terms(text) for text in texts], k1=self.config.k1, b=self.config.b
        ).write(folder / "bm25")
        counts = Counter(word for text in texts for word in words(text))
        (folder / "vocabulary.json").write_text(
            json.dumps(dict(sorted(counts.items())), ensure_ascii=False), encoding="utf-8"
        )
        if vectors is not None:
            np.save(folder / "vectors.npy", vectors, allow_pickle=False)


def _read_entries(path: Path) -> list[Entry]:
    with path.open(encoding="utf-8") as file:
        return [from_json(Entry, json.loads(line)) for line in file]


def _refuse_same_ids(passages: Sequence[Passage]) -> None:
    counts = Counter(passage.id for passage in passages)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"two passages have the id '{twice[0]}': a document's id looks like another's passage; "
            "rename one of the documents"
        )


def _nothing(skipped: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:5])
    return "no document has any text to index" + (f" (skipped {reasons})" if reasons else "")
