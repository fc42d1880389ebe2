"""What holds for every chunker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpora.block import Block
from assay.corpora.chunkers.by_rows import ByRows
from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_structure import ByStructure
from assay.corpora.chunkers.by_tokens import ByTokens
from assay.corpora.chunkers.chunker import Chunk, Chunker
from assay.corpora.chunkers.packing import slack_of
from assay.corpora.chunkers.spans import count_words
from assay.corpora.document import Document
from assay.corpora.markup import heading_title
from assay.pipeline.errors import UsageError
from tests.corpora.chunkers.documents import document, documents, made, repeated, word_offsets

BUDGET = 20


@dataclass
class Effort:
    """A count that keeps what it was asked."""

    characters: int = 0
    calls: int = 0

    def __call__(self, text: str) -> int:
        self.characters += len(text)
        self.calls += 1
        return count_words(text)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        self.characters += len(text)
        self.calls += 1
        return word_offsets(text)


MAKE: dict[str, Callable[[Effort, int], Chunker]] = {
    "structure": lambda effort, overlap: ByStructure(BUDGET, effort, overlap=overlap),
    "sentences": lambda effort, overlap: BySentences(BUDGET, effort, overlap=overlap),
    "tokens": lambda effort, overlap: ByTokens(effort.offsets, BUDGET, overlap=overlap),
    "rows": lambda effort, overlap: ByRows(BUDGET, effort, rows=overlap + 1, overlap=overlap),
}
every = pytest.mark.parametrize("name", MAKE)


def cut(name: str, written: Document, overlap: int = 0) -> list[Chunk]:
    return MAKE[name](Effort(), overlap).cut(written)


@every
@given(written=documents(), overlap=st.integers(0, 3))
@settings(max_examples=80)
def test_chunks_are_in_order_and_hold_all_that_is_not_white_space(
    name: str, written: Document, overlap: int
) -> None:
    found = cut(name, written, overlap)
    covered = [0] * len(written.text)
    for number, one in enumerate(found):
        assert written.text[one.body : one.end].strip()
        assert one.start <= one.body < one.end
        if number:
            before = found[number - 1]
            assert before.start < one.start and before.end < one.end
            assert overlap or before.end <= one.start
        for place in range(one.start, one.end):
            covered[place] += 1
    for sign, count in zip(written.text, covered, strict=True):
        assert sign.isspace() or (count >= 1 if overlap else count == 1)
    assert found == cut(name, written, overlap)


@every
@given(written=documents(), overlap=st.integers(0, 3))
@settings(max_examples=80)
def test_no_chunk_exceeds_the_budget_by_more_than_the_slack(
    name: str, written: Document, overlap: int
) -> None:
    for one in cut(name, written, overlap):
        text = written.text[one.body : one.end]
        if name == "tokens":
            # A word that the border of two blocks parts ("a" "b" written "ab") counts twice.
            assert len(text.split()) <= BUDGET
        else:
            assert count_words(text) <= BUDGET + slack_of(BUDGET, None)


@given(written=documents(), overlap=st.integers(0, 2))
@settings(max_examples=50)
def test_without_slack_the_budget_is_never_exceeded(written: Document, overlap: int) -> None:
    chunkers = (
        ByStructure(7, overlap=overlap, slack=0),
        BySentences(7, overlap=overlap, slack=0),
        ByRows(7, rows=3, overlap=overlap, slack=0),
    )
    for chunker in chunkers:
        for one in chunker.cut(written):
            assert count_words(written.text[one.body : one.end]) <= 7


@given(written=documents())
@settings(max_examples=50)
def test_a_count_of_characters_is_a_budget_too(written: Document) -> None:
    for one in BySentences(9, lambda text: len("".join(text.split())), slack=0).cut(written):
        assert len("".join(written.text[one.start : one.end].split())) <= 9


@every
@given(written=documents())
@settings(max_examples=20)
def test_a_whole_document_stays_whole(name: str, written: Document) -> None:
    found = cut(name, document(written.text, *written.blocks, whole=True))
    assert [(one.start, one.end) for one in found] == (
        [(0, len(written.text))] if written.text.strip() else []
    )


@every
@pytest.mark.parametrize("text", ["", " ", "\n\n\t \u2003\n" * 50])
def test_white_space_gives_no_chunk(name: str, text: str) -> None:
    assert cut(name, document(text)) == []
    assert cut(name, document(text, whole=True)) == []


@every
def test_one_character_is_one_chunk(name: str) -> None:
    (one,) = cut(name, document("x"), 2)
    assert one == Chunk(0, 1, (), "", 0)


@every
def test_only_headings_are_kept_with_their_paths(name: str) -> None:
    written = made(*[("heading", f"{'#' * (1 + n % 2)} Part {n}") for n in range(40)])
    found = cut(name, written)
    assert found[0].heading_path[:1] == (() if name in ("sentences", "tokens") else ("Part 0",))
    assert sum(written.text[one.start : one.end].count("Part") for one in found) == 40


SIZES = (5_000, 20_000)
SHAPES: dict[str, Callable[[int], Document]] = {
    "one word": lambda n: document("x" * n),
    "one sentence": lambda n: document("word " * (n // 5)),
    "Han": lambda n: document("東" * n),
    "short sentences": lambda n: document("A b. " * (n // 5)),
    "stops": lambda n: document("." * n),
    "lines": lambda n: document("a\n" * (n // 2)),
    "introductions": lambda n: repeated("paragraph", "so:", n // 5),
    "headings": lambda n: repeated("heading", "# A", n // 5),
    "deep headings": lambda n: made(
        *[("heading", "#" * (1 + m % 6) + " A") for m in range(n // 7)]
    ),
    "rows": lambda n: repeated("table_row", "a: 1", n // 5),
}


@every
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("overlap", [0, 2])
def test_the_effort_grows_with_the_length_and_no_faster(
    name: str, shape: str, overlap: int
) -> None:
    efforts = []
    for size in SIZES:
        effort = Effort()
        written = SHAPES[shape](size)
        MAKE[name](effort, overlap).cut(written)
        efforts.append(effort)
    small, large = efforts
    assert large.characters <= 4.2 * small.characters + 1000
    assert large.calls <= 4.2 * small.calls + 100
    assert large.characters <= 12 * SIZES[1]


@every
def test_ten_megabytes_without_a_space_are_cut(name: str) -> None:
    text = "x" * 10_000_000
    effort = Effort()
    found = MAKE[name](effort, 0).cut(document(text, Block(0, len(text), "paragraph")))
    assert found[-1].end == len(text)
    assert effort.characters <= 5 * len(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ByStructure(0),
        lambda: BySentences(10, overlap=-1),
        lambda: BySentences(10, slack=-1),
        lambda: ByTokens(word_offsets, 5, overlap=5),
        lambda: ByRows(rows=0),
        lambda: ByRows(rows=2, overlap=2),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Chunker]) -> None:
    with pytest.raises(UsageError, match=r"of a chunker is -?\d+.*expected"):
        make()


def test_a_chunk_across_headings_names_what_all_of_it_stands_under() -> None:
    written = made(
        ("heading", "# Top"), ("heading", "## A"), ("paragraph", "a."), ("heading", "## B"),
        ("paragraph", "b."),
    )  # fmt: skip
    (one,) = BySentences().cut(written)
    assert one.heading_path == ("Top",)
    assert [each.heading_path for each in ByStructure().cut(written)] == [
        ("Top", "A"),
        ("Top", "B"),
    ]


def test_a_long_heading_is_shortened_in_paths_only() -> None:
    assert len(heading_title("# " + "long " * 1000)) == 200


def test_levels_deeper_than_six_count_as_six() -> None:
    blocks = tuple(Block(2 * n, 2 * n + 1, "heading", n + 1) for n in range(100))
    found = ByStructure(1).cut(document("h " * 100, *blocks))
    assert max(len(one.heading_path) for one in found) == 6
