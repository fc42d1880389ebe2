"""Compare the chunkers on questions whose evidence is marked in the raw documents.

    python benchmarks/chunkers.py --data ../shared/data/chunkeval --out build/chunkers

The folder holds ``docs.jsonl`` (id, text), ``queries.jsonl`` (id, text, and perhaps the document
that a question is about as ``meta.scope.value``) and ``spans.jsonl`` (qid, docid, start, end). The
table goes to standard output and ``table.md``, the figures to ``figures.json`` in ``--out``.

A token is a word, and a character of a script without spaces (``corpora.chunkers.spans``). For a
question let ``E`` be the tokens that its reference spans touch, and ``R`` the multiset of the
tokens of the chunks retrieved, in which a token counts as often as it is retrieved. With ``H``
the tokens of ``E`` that are in ``R``, each once:

    recall = |H| / |E|        precision = |H| / |R|        IoU = |H| / (|E| + |R| - |H|)

Retrieved are the five best chunks by BM25 (bm25s, Lucene's form, k1 0.9, b 0.4, English stems and
stop words; a chunk's text alone, without its heading path; fewer where fewer hold a term of the
question; ties by position), out of the document that the question is about where the set names
it. The omega precision is the precision when exactly the chunks that touch the reference spans are
given: the best that a perfect retriever reaches. Figures are means over questions with 95 %
percentile intervals by bootstrap over questions (1,000 samples, seed 0). Source: Smith and
Troynikov 2024, "Evaluating Chunking Strategies for Retrieval", section on metrics; there tokens are
a model's, here words, so that no tokenizer is needed.

Documents are made by ``document`` below and no loader, so that only the cutting differs. Five
chunks of a larger budget are more text: the figures compare chunkers within one budget only, and
there with an eye on the mean size.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.corpora.block import Block, Kind
from assay.corpora.chunkers.by_rows import ByRows
from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.chunkers.by_tokens import ByTokens
from assay.corpora.chunkers.chunker import Chunker
from assay.corpora.chunkers.spans import word_offsets
from assay.corpora.document import Document
from assay.evaluation.statistics.resampling import Estimate, Resampler, mean
from assay.pipeline.words import Scope

BUDGETS = (80, 120, 200, 400)
TOP = 5
FIGURES = ("recall", "precision", "iou", "omega")
_LINE = re.compile(r"[^\n]*\n?")
_HEADING = re.compile(r"\s*((?:= ?){1,6})\s?[^=\n]+?((?:= ?){1,6})\s*")
Interval = tuple[int, int]
"""First token of a stretch and the one behind its last: ``range(*interval)``."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its evidence.

    Args:
        id: of the question.
        text: its words.
        scope: the document it is about, None for all.
        spans: reference stretches, (document, start, end) in characters.
    """

    id: str
    text: str
    scope: str | None
    spans: tuple[tuple[str, int, int], ...]


class Words:
    """The tokens of a text, by number.

    >>> words = Words("one two three")
    >>> len(words), words.touched(5, 9)
    (3, (1, 3))
    """

    def __init__(self, text: str) -> None:
        found = word_offsets(text)
        self._starts = [start for start, _ in found]
        self._ends = [end for _, end in found]

    def __len__(self) -> int:
        return len(self._starts)

    def touched(self, start: int, end: int) -> Interval:
        """The tokens that share a character with a stretch."""
        first = bisect_right(self._ends, start)
        return first, max(first, bisect_left(self._starts, end))


def chunkers(budget: int) -> Mapping[str, Chunker]:
    """What is compared."""
    return {
        "structure": ByStructure(budget),
        "structure, overlap 1 sentence": ByStructure(budget, overlap=1),
        "sentences": BySentences(budget),
        "sentences, overlap 2 sentences": BySentences(budget, overlap=2),
        "tokens": ByTokens(word_offsets, budget),
        "tokens, overlap a fifth": ByTokens(word_offsets, budget, overlap=budget // 5),
        "rows": ByRows(budget),
    }


def document(text: str) -> Document:
    """A raw text with its blocks: lines ``= Title =`` are headings, lines with ``|`` table rows.

    Paragraphs end at blank lines; in a text without blank lines at every line.
    """
    every_line = not re.search(r"\n[ \t]*\n", text)
    blocks: list[Block] = []
    is_open = False
    for line in _LINE.finditer(text):
        start, end = _stripped(text, *line.span())
        if start == end:
            is_open = False
            continue
        kind, level = _kind(text[start:end])
        if kind == "paragraph" and is_open and not every_line:
            blocks[-1] = Block(blocks[-1].start, end, "paragraph")
        else:
            blocks.append(Block(start, end, kind, level))
        is_open = kind == "paragraph"
    return Document("d", text, Scope("benchmark"), blocks=tuple(blocks))


def _kind(line: str) -> tuple[Kind, int]:
    heading = _HEADING.fullmatch(line) if len(line) < 200 else None
    if heading:
        return "heading", heading[1].count("=")
    return ("table_row", 0) if " | " in line else ("paragraph", 0)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), max(
        end - len(piece) + len(piece.rstrip()), start + len(piece) - len(piece.lstrip())
    )


def score(
    evidence: Sequence[tuple[str, Interval]], retrieved: Sequence[tuple[str, Interval]]
) -> tuple[float, float, float]:
    """Recall, precision and IoU of one question; 0 where nothing is retrieved.

    Args:
        evidence: document and tokens of each reference span; they may overlap.
        retrieved: document and tokens of each chunk.

    >>> score([("d", (2, 6))], [("d", (0, 4)), ("d", (3, 5))])
    (0.75, 0.5, 0.42857142857142855)
    """
    wanted = {(name, token) for name, span in evidence for token in range(*span)}
    given = [(name, token) for name, span in retrieved for token in range(*span)]
    hit = len(wanted.intersection(given))
    return (
        hit / len(wanted),
        hit / len(given) if given else 0.0,
        hit / (len(wanted) + len(given) - hit),
    )


def measure(
    texts: Mapping[str, str], questions: Sequence[Question], chunker: Chunker
) -> tuple[dict[str, list[float]], list[int]]:
    """Figures of each question, and the words of each chunk."""
    words = {name: Words(text) for name, text in texts.items()}
    analyzer = Analyzer(stop_words="english", stemmer="english")
    chunks: list[tuple[str, Interval]] = []
    terms: list[list[str]] = []
    first: dict[str, int] = {}
    starts: list[tuple[int, int]] = []
    for name, text in texts.items():
        first[name] = len(chunks)
        for one in chunker.cut(document(text)):
            chunks.append((name, words[name].touched(one.start, one.end)))
            starts.append((one.start, one.end))
            terms.append(analyzer.terms(text[one.start : one.end]))
    borders = dict(zip(first, [*list(first.values())[1:], len(chunks)], strict=True))
    index = bm25s.BM25(k1=0.9, b=0.4, method="lucene", backend="numpy")
    index.index(terms, show_progress=False)
    found: dict[str, list[float]] = {key: [] for key in FIGURES}
    for question in questions:
        known = [term for term in analyzer.terms(question.text) if term in index.vocab_dict]
        scores = index.get_scores(known) if known else np.zeros(len(terms), dtype=np.float32)
        if question.scope in first:
            inside = slice(first[question.scope], borders[question.scope])
            masked = np.zeros_like(scores)
            masked[inside] = scores[inside]
            scores = masked
        order = np.argsort(-scores, kind="stable")[:TOP]
        best = [chunks[number] for number in order if scores[number] > 0]
        evidence = [(name, words[name].touched(start, end)) for name, start, end in question.spans]
        perfect = [
            chunks[number]
            for number, (start, end) in enumerate(starts)
            if any(
                chunks[number][0] == name and start < stop and begin < end
                for name, begin, stop in question.spans
            )
        ]
        recall, precision, iou = score(evidence, best)
        omega = score(evidence, perfect)[1]
        for key, value in zip(FIGURES, (recall, precision, iou, omega), strict=True):
            found[key].append(value)
    return found, [end - start for _, (start, end) in chunks]


def read(folder: Path) -> tuple[dict[str, str], list[Question]]:
    """The raw documents and the questions that have evidence."""
    texts = {row["id"]: row["text"] for row in _rows(folder / "docs.jsonl")}
    spans: dict[str, list[tuple[str, int, int]]] = {}
    for row in _rows(folder / "spans.jsonl"):
        spans.setdefault(row["qid"], []).append((row["docid"], row["start"], row["end"]))
    return texts, [
        Question(
            row["id"],
            row["text"],
            row.get("meta", {}).get("scope", {}).get("value"),
            tuple(spans[row["id"]]),
        )
        for row in _rows(folder / "queries.jsonl")
        if row["id"] in spans
    ]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures as Markdown; recall and the others in percent with their intervals."""
    lines = [
        "| budget | chunker | chunks | mean words | recall | precision | IoU | omega precision |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        figures = " | ".join(_shown(row[key], row[f"{key}.ci95"]) for key in FIGURES)
        head = f"| {row['budget']} | {row['chunker']} | {row['chunks']} | {row['words']:.1f} "
        lines.append(f"{head}| {figures} |")
    return "\n".join(lines) + "\n"


def _shown(value: float, interval: Sequence[float] | None) -> str:
    shown = f"{100 * value:.1f}"
    return f"{shown} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else shown


def compare(
    texts: Mapping[str, str], questions: Sequence[Question], budgets: Sequence[int]
) -> list[dict[str, Any]]:
    """One row for each budget and chunker."""
    resampler = Resampler([question.id for question in questions])
    rows: list[dict[str, Any]] = []
    for budget in budgets:
        for name, chunker in chunkers(budget).items():
            found, sizes = measure(texts, questions, chunker)
            row: dict[str, Any] = {"budget": budget, "chunker": name, "chunks": len(sizes)}
            row["words"] = sum(sizes) / max(1, len(sizes))
            for key, values in found.items():
                estimate: Estimate = resampler.estimate(mean(values))
                row[key], row[f"{key}.ci95"] = estimate.value, estimate.interval
            rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/chunkers"))
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    options = parser.parse_args(arguments)
    texts, questions = read(options.data)
    rows = compare(texts, questions, options.budgets)
    shown = table(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "table.md").write_text(shown, encoding="utf-8")
    run = {
        "data": options.data.name,
        "documents": len(texts),
        "questions": len(questions),
        "top": TOP,
        "seed": 0,
        "python": platform.python_version(),
        "bm25s": version("bm25s"),
    }
    (options.out / "figures.json").write_text(
        json.dumps({"run": run, "figures": rows}, indent=1) + "\n", encoding="utf-8"
    )
    print(f"{len(questions)} questions, {len(texts)} documents, best {TOP} by BM25, percent\n")
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
