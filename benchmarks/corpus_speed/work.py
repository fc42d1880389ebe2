"""What the parts share: where things lie, how large they are, and the corpus that they ask."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.local import LocalCorpus
from assay.corpora.local_config import LocalCorpusConfig
from assay.models.protocols import Embedder, Floats

from . import passages as made
from .vectors import MeanEmbedder, embed, write_vectors

PROGRAM = Path(__file__).resolve().parent.parent / "corpora.py"


@dataclass(frozen=True)
class Work:
    """The work folder at one size.

    Args:
        root: the labelled sets.
        top: the work folder; each size has a folder of its own in it.
        cache: of paid embeddings.
        passages: of the main tenant.
        asked: questions.
    """

    root: Path
    top: Path
    cache: Path
    passages: int
    asked: int

    @property
    def folder(self) -> Path:
        """Of this size."""
        return self.top / str(self.passages)

    @property
    def figures(self) -> Path:
        """Where tables go."""
        return self.folder / "figures"

    @property
    def corpus_folder(self) -> Path:
        """The corpus with words and vectors."""
        return self.folder / "corpus"

    @cached_property
    def pool(self) -> made.Pool:
        """The sentences."""
        return made.read_pool(self.root)

    @cached_property
    def questions(self) -> list[str]:
        """Questions of the sets."""
        return made.read_questions(self.root, self.asked)

    @cached_property
    def question_vectors(self) -> Floats:
        """Shape ``(asked, dimension)``."""
        found: Floats = np.load(self.folder / "questions.npy", allow_pickle=False)
        return found

    def at(self, passages: int) -> Work:
        """The same at another size."""
        return replace(self, passages=passages)

    def arguments(self) -> list[str]:
        """For a program that shall work in the same place."""
        return [
            *("--data-root", str(self.root), "--work", str(self.top), "--cache", str(self.cache)),
            *("--passages", str(self.passages), "--questions", str(self.asked)),
        ]

    def embedder(self) -> MeanEmbedder:
        """Gives the vectors that ``prepare`` wrote."""
        return MeanEmbedder(self.folder)

    def corpus(
        self, folder: Path | None = None, *, embedder: Embedder | None = None, **settings: Any
    ) -> LocalCorpus:
        """A corpus, not started.

        Args:
            folder: where it lies; None for ``corpus_folder``.
            embedder: None for one without vectors.
            settings: of ``LocalCorpusConfig`` besides.
        """
        path = str((folder or self.corpus_folder).resolve())
        config = LocalCorpusConfig(path=path, max_words=made.MOST, **settings)
        return LocalCorpus(config, embedder=embedder)

    def prepare(self) -> None:
        """Embed what passages and questions are made of, and write all passages' vectors.

        What is there already is left as it is, if it is of the same sentences.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {"sentences": self.pool.digest, "questions": self.questions, "form": 1}
        noted = self.folder / "facts.json"
        if noted.exists() and json.loads(noted.read_text(encoding="utf-8")) == facts:
            return
        if self.corpus_folder.exists():
            sys.exit(f"'{self.folder}' is of other sentences or questions: delete it first")
        for name, texts in (("sentences", self.pool.sentences), ("questions", self.questions)):
            vectors = embed(texts, self.cache, questions=name == "questions")
            np.save(self.folder / f"{name}.npy", vectors, allow_pickle=False)
            (self.folder / f"{name}.txt").write_text("\n".join(texts), encoding="utf-8")
        sentences = np.load(self.folder / "sentences.npy", allow_pickle=False)
        write_vectors(self.folder / "vectors.npy", self.pool, sentences, self.passages)
        noted.write_text(json.dumps(facts), encoding="utf-8")

    def described(self) -> str:
        """What the passages are, in a sentence for the head of a table."""
        return (
            f"{self.passages:,} passages in documents of {made.PER_DOCUMENT}, made of"
            f" {len(self.pool.sentences):,} sentences of {len(self.pool.sets)} sets, seed"
            f" {made.SEED}; {len(self.questions)} questions of the sets"
        )


class Child:
    """Another process of this program that does what it is told, one task at a time.

    Args:
        part: of the program, such as ``worker``.
        arguments: of that part.
    """

    def __init__(self, part: str, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, str(PROGRAM), part, *arguments]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **task: Any) -> dict[str, Any]:
        """Its reply to a task; without a task, its next reply.

        Raises:
            SystemExit: if it ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        if task:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self._command[2:])} ended: see above")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def end(self) -> None:
        """Let it go."""
        self._process.communicate()


def reply(**facts: Any) -> None:
    """Answer the process that asked."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all parts have."""
    parser.add_argument(
        "--data-root", type=Path, default=Path("../shared/data"), help="folder of the labelled sets"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/corpora"),
        help="folder for everything that is made; a later part uses it again",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build/corpora/cache"),
        help="folder of embeddings that were paid for",
    )
    parser.add_argument("--passages", type=int, default=1_000_000, help="a multiple of 1,000")
    parser.add_argument("--questions", type=int, default=500)


def chosen(options: argparse.Namespace) -> Work:
    """The work folder that options name."""
    if options.passages % 1000 or options.passages < 1000:
        sys.exit("--passages must be a multiple of 1,000")
    return Work(options.data_root, options.work, options.cache, options.passages, options.questions)
