"""Passages cut by the embedder's own tokens: never too many, and no word is cut without need."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.analyzer import UNSPACED
from assay.corpora.chunkers.by_tokens import ByTokens
from assay.corpora.chunkers.chunker import line_start
from assay.corpora.chunkers.making import make_chunker, offsets_of
from assay.corpora.passages import passages_of
from assay.models.text_windows import token_offsets
from assay.pipeline.errors import CorpusError, ModelError
from tests.corpora.doubles import WordHashEmbedder, corpus_at, document, index, started

tokenizers = pytest.importorskip("tokenizers")

LEARNT = "The loan of a book lasts three weeks, and renewing it takes another three. " * 4
_WITHIN = re.compile(rf"[^\s{UNSPACED}]{{2}}", re.DOTALL)
PLAIN = Path(__file__).parents[3] / "README.md"


def byte_level() -> Any:
    """Bytes and some joined ones; a word behind a space has other tokens than one at the start."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([LEARNT], trainer)
    return made


def sentencepiece() -> Any:
    """Letters, some joined, with a sign for spaces that is put before the text, too."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
    pieces += [*"abcdefghijklmnopqrstuvwxyz", "th", "the", "\u2581the"]
    merges = [("t", "h"), ("th", "e"), ("\u2581", "the")]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            {one: number for number, one in enumerate(pieces)},
            merges,
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    made.normalizer = tokenizers.normalizers.Sequence(
        [
            tokenizers.normalizers.Prepend("\u2581"),
            tokenizers.normalizers.Replace(" ", "\u2581"),
        ]
    )
    return made


def word_pieces() -> Any:
    """Words in pieces, lower case without accents, as BERT's."""
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=120, special_tokens=["[UNK]"], show_progress=False
    )
    made.train_from_iterator([LEARNT], trainer)
    return made


KINDS: dict[str, Callable[[], Any]] = {
    one.__name__: one for one in (byte_level, sentencepiece, word_pieces)
}
MADE = {name: make() for name, make in KINDS.items()}

TEXTS = st.lists(
    st.sampled_from(
        "the|loan|book,|weeks|renewing|  |\n|\n\n    |unbelievable|é|ﬁne|naïve|東京|🙂|(the)"
        "|well-known|\ud800|\x00|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".split("|")
    ),
    max_size=60,
).map(lambda parts: re.sub(" {6,}", "     ", " ".join(parts)))


@pytest.mark.parametrize("kind", MADE)
@given(text=TEXTS, budget=st.integers(10, 30), overlap=st.integers(0, 3))
def test_no_passage_has_more_tokens_than_the_budget(
    kind: str, text: str, budget: int, overlap: int
) -> None:
    def offsets(part: str) -> Sequence[tuple[int, int]]:
        return token_offsets(MADE[kind], part)

    chunker = ByTokens(offsets, budget, overlap=overlap)
    made = document("d", text, markup="plain")
    passages = passages_of(made, chunker)
    for one in passages:
        assert len(offsets(one.text)) <= budget
    if not overlap:
        kept = "".join("".join(one.text.split()) for one in passages)
        assert kept == "".join(text.split())
    for one in passages:
        if _cuts_a_word(text, one.start) and not overlap:
            word = _word_around(text, one.start)
            assert len(offsets(word)) > budget


def _cuts_a_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and _WITHIN.fullmatch(text[place - 1 : place + 1]) is not None


def _word_around(text: str, place: int) -> str:
    """The word, with what indents its line."""
    start = end = place
    while start and _cuts_a_word(text, start):
        start -= 1
    while end < len(text) and _cuts_a_word(text, end):
        end += 1
    return text[line_start(text, start) : end]


@pytest.mark.parametrize("kind", MADE)
def test_real_text_is_cut_between_words_into_full_windows(kind: str) -> None:
    text = PLAIN.read_text(encoding="utf-8")
    tokenizer = MADE[kind]
    chunker = make_chunker(
        "tokens", max_words=120, offsets=lambda part: token_offsets(tokenizer, part)
    )
    passages = passages_of(document("d", text, markup="markdown"), chunker)
    counts = [len(token_offsets(tokenizer, one.text)) for one in passages]
    assert max(counts) <= 120
    assert sum(count > 80 for count in counts) > 0.7 * len(counts)
    assert sum(_cuts_a_word(text, one.start) for one in passages) <= len(passages) // 50


def test_tokens_are_those_of_the_whole_text_however_long_it_is() -> None:
    tokenizer = MADE["byte_level"]
    text = "The book is due. " * 9_000
    found = token_offsets(tokenizer, text)
    assert len(text) > 1 << 17
    assert all(start < end for start, end in found)
    assert [start for start, _ in found] == sorted(start for start, _ in found)
    assert found[-1][1] >= len(text.rstrip())
    assert token_offsets(tokenizer, "") == []
    for odd in ("\ud800", "é\u0301", "🙂🙂"):
        assert all(0 <= start < end <= len(odd) for start, end in token_offsets(tokenizer, odd))


class Telling(WordHashEmbedder):
    """An embedder that tells its tokens."""

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]]:
        return token_offsets(MADE["byte_level"], text)


TEXT = " ".join(f"The unrenewable loan of book {n} lasts three weeks." for n in range(40))


def test_a_corpus_is_cut_by_its_embedders_tokens_where_these_are_told(tmp_path: Path) -> None:
    for embedder in (Telling(), WordHashEmbedder()):
        place = tmp_path / type(embedder).__name__
        corpus = started(place, [document("d", TEXT)], embedder, chunker="tokens", max_words=40)
        texts = [one.text for one in corpus.every_passage()]
        tokens = [len(token_offsets(MADE["byte_level"], one)) for one in texts]
        words = [len(one.split()) for one in texts]
        if isinstance(embedder, Telling):
            assert max(tokens) <= 40 < max(tokens) + 20
        else:
            assert max(words) == 40 and max(tokens) > 40


def test_who_counts_is_part_of_what_a_corpus_is_made_with(tmp_path: Path) -> None:
    words = started(tmp_path, [document("d", TEXT)], WordHashEmbedder(), chunker="tokens")
    before = words.fingerprint()
    words.close()
    telling = corpus_at(tmp_path, Telling(), chunker="tokens")
    with pytest.raises(CorpusError, match="counted='words', the pipeline says 'tokens of"):
        telling.start()
    index(telling, [document("d", TEXT)])
    telling.start()
    assert telling.fingerprint() != before
    assert len({one.id for one in telling.every_passage()}) > 4
    telling.close()
    # Chunkers that count words whatever the embedder is do not care.
    usual = started(tmp_path / "usual", [document("d", TEXT)], WordHashEmbedder())
    usual.close()
    corpus_at(tmp_path / "usual", Telling()).start()


def test_without_an_embedder_or_its_tokens_words_are_counted() -> None:
    assert offsets_of(None) is None
    assert offsets_of(WordHashEmbedder()) is None
    told = offsets_of(Telling())
    assert told is not None and len(told("The loan")) > 0


@pytest.mark.models
def test_the_embedded_model_tells_its_tokens(tmp_path: Path) -> None:
    from assay.models.files.store import default_store
    from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig

    try:
        default_store().locate(OnnxEmbedderConfig().model)
    except ModelError as error:
        pytest.skip(str(error))
    embedder = OnnxEmbedder(OnnxEmbedderConfig())
    embedder.start()
    try:
        text = " ".join(f"Unbelievably, [MASK]ed naïve readers renewed {n}." for n in range(60))
        corpus = started(tmp_path, [document("d", text)], embedder, chunker="tokens", max_words=50)
        counts = [len(embedder.token_offsets(one.text)) for one in corpus.every_passage()]
        assert len(counts) > 5 and max(counts) <= 50 and max(counts) > 40
        # What the model reads is those tokens and two special ones.
        (window,) = embedder._cut("Unbelievably, readers renewed.", "", None)
        assert len(embedder.token_offsets("Unbelievably, readers renewed.")) == window.own
    finally:
        embedder.close()
