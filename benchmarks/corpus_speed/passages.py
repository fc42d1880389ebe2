"""Passages for the benchmark, made of the labelled sets' own sentences, and the sets' questions.

A document takes one sentence of a set at random as its place, and its title from there; each of its
ten passages is made of sentences from the ``AROUND`` before and after that place, so that a
document keeps to a subject and words are as common as they are in the sets. A passage has 41 to 80
words, about 60: with ``max_words`` 80 the corpus cuts a document exactly into its passages. The
same seed gives the same documents, each by itself: nothing is kept in memory but the sentences.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpora.chunkers.spans import count_words
from assay.corpora.document import Document
from assay.corpora.rendering import readable
from assay.pipeline.sentences import sentences
from assay.pipeline.words import Scope

PER_DOCUMENT = 10
"""Passages of a document."""

AROUND = 100
"""Sentences before and after a document's place that its passages are made of."""

SHORTEST, LONGEST = 4, 35
"""Words of a sentence that is taken."""

LEAST, MOST = 41, 80
"""Words of a passage: two never fit into ``MOST``, so they are never packed together."""

AIM = (43, 58)
"""A passage is done at a number of words between these."""

TENANT, BESIDE = "main", "beside"
"""Who has the passages, and who has a hundredth of their number in the same corpus."""

ROLE = "board"
"""Every second document asks for this role."""

YEARS = range(2011, 2021)
CASES = 1000
SEED = 7


@dataclass(frozen=True, slots=True)
class Pool:
    """The sentences that passages are made of.

    Args:
        sentences: distinct, in the order of sets and of their passages.
        words: of each sentence.
        titles: of each sentence's passage, else its set's name.
        sets: name to its first sentence and the one behind its last.
    """

    sentences: tuple[str, ...]
    words: tuple[int, ...]
    titles: tuple[str, ...]
    sets: Mapping[str, tuple[int, int]]

    @property
    def digest(self) -> str:
        """sha256 in hex over the sentences."""
        return hashlib.sha256("\n".join(self.sentences).encode()).hexdigest()

    def set_of(self, sentence: int) -> str:
        """The set that a sentence is from."""
        return next(name for name, (start, end) in self.sets.items() if start <= sentence < end)


@dataclass(frozen=True, slots=True)
class Made:
    """A document as numbers.

    Args:
        place: the sentence that it is about.
        passages: for each the numbers of its sentences, in order.
    """

    place: int
    passages: tuple[tuple[int, ...], ...]


def read_pool(root: Path) -> Pool:
    """The sentences of all sets below a folder.

    Args:
        root: with a folder a set, each with a ``corpus.jsonl``.

    Raises:
        SystemExit: where there is no set.
    """
    texts: list[str] = []
    words: list[int] = []
    titles: list[str] = []
    sets: dict[str, tuple[int, int]] = {}
    known: set[str] = set()
    for file in sorted(root.glob("*/corpus.jsonl")):
        first = len(texts)
        for row in _rows(file):
            title = _line(row.get("title") or file.parent.name)
            for one in sentences(row["text"]):
                text = _line(one.text)
                cost = count_words(text)
                if SHORTEST <= cost <= LONGEST and text not in known and readable(text) == text:
                    known.add(text)
                    texts.append(text)
                    words.append(cost)
                    titles.append(title)
        if len(texts) > first:
            sets[file.parent.name] = (first, len(texts))
    if not texts:
        raise SystemExit(f"no set with a corpus.jsonl below '{root}': name one with --data-root")
    return Pool(tuple(texts), tuple(words), tuple(titles), sets)


def make(pool: Pool, number: int, *, seed: int = SEED, revision: int = 0) -> Made:
    """A document of the main tenant by its number; another revision is another text."""
    chance = random.Random(f"{seed}/{number}/{revision}")
    place = chance.randrange(len(pool.sentences))
    start, end = pool.sets[pool.set_of(place)]
    stretch = range(max(start, place - AROUND), min(end, place + AROUND + 1))
    return Made(place, tuple(_passage(pool, stretch, chance) for _ in range(PER_DOCUMENT)))


def document(
    pool: Pool, number: int, *, tenant: str = TENANT, seed: int = SEED, revision: int = 0
) -> Document:
    """A document by its number."""
    made = make(pool, number, seed=seed, revision=revision)
    return Document(
        id=name_of(number),
        text="\n\n".join(body(pool, one) for one in made.passages),
        scope=Scope(tenant, (ROLE,) if number % 2 else ()),
        title=pool.titles[made.place],
        metadata={
            "set": pool.set_of(made.place),
            "year": YEARS[number // 2 % len(YEARS)],
            "case": number % CASES,
        },
    )


def documents(pool: Pool, passages: int, *, seed: int = SEED) -> Iterator[Document]:
    """All documents of a corpus: the main tenant's, and after every hundredth one of the other's.

    Args:
        pool: of sentences.
        passages: of the main tenant, a multiple of ``PER_DOCUMENT``.
        seed: of all draws.
    """
    for number in range(passages // PER_DOCUMENT):
        yield document(pool, number, seed=seed)
        if number % 100 == 0:
            yield document(pool, number, tenant=BESIDE, seed=seed + 1)


def texts(pool: Pool, passages: int, *, seed: int = SEED) -> Iterator[str]:
    """What is indexed of each passage of the main tenant, in order: title, line end, text."""
    for number in range(passages // PER_DOCUMENT):
        made = make(pool, number, seed=seed)
        title = pool.titles[made.place]
        yield from (f"{title}\n{body(pool, one)}" for one in made.passages)


def body(pool: Pool, passage: Sequence[int]) -> str:
    """A passage's text: a sentence a line."""
    return "\n".join(pool.sentences[one] for one in passage)


def name_of(number: int) -> str:
    """A document's id."""
    return f"d{number:07d}"


def place_of(passage_id: str) -> int:
    """A passage's number among all of the main tenant.

    >>> place_of("d0000012#3")
    123
    """
    name, _, position = passage_id.partition("#")
    return int(name[1:]) * PER_DOCUMENT + int(position)


def read_questions(root: Path, count: int, *, seed: int = SEED) -> list[str]:
    """Questions of the sets, as many of each as there are, up to an equal share; shuffled."""
    chance = random.Random(seed)
    found: list[list[str]] = []
    for file in sorted(root.glob("*/queries.jsonl")):
        own = sorted({_line(row["text"]) for row in _rows(file)} - {""})
        chance.shuffle(own)
        found.append(own)
    taken: list[str] = []
    turn = 0
    while len(taken) < count and any(turn < len(own) for own in found):
        taken += [own[turn] for own in found if turn < len(own)]
        turn += 1
    taken = list(dict.fromkeys(taken))[:count]
    chance.shuffle(taken)
    return taken


def _passage(pool: Pool, stretch: range, chance: random.Random) -> tuple[int, ...]:
    aim = chance.randint(*AIM)
    taken: list[int] = []
    cost = 0
    tries = 0
    while cost < LEAST or (cost < aim and tries < 30):
        tries += 1
        one = stretch[int(chance.random() * len(stretch))]
        if cost + pool.words[one] <= MOST:
            taken.append(one)
            cost += pool.words[one]
    return tuple(taken)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


def _line(text: str) -> str:
    return " ".join(text.split())
