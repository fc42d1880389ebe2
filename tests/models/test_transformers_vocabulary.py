"""Tokens of transformers tokenizers: bytes, spaces, control tokens, and those of GGUF files."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from assay.models.files.store import default_store
from assay.models.transformers_engine.gguf_header import gguf_header
from assay.models.transformers_engine.loading import silenced
from assay.models.transformers_engine.vocabulary import TransformersVocabulary
from assay.pipeline.errors import ModelError
from tests.models.made_transformers import byte_level, sentencepiece

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")
np = pytest.importorskip("numpy")

KEY = "smollm2-135m-instruct-q4_1"
TEXTS = (
    "Hello world",
    "2024 is 365 days, 3.14159; x=1;y=22",
    " yes",
    "yes",
    "a  b   c\n\n\n d\t\te  ",
    "héllo wörld — “quotes”",
    "日本語のテキスト",
    "😀👍🏽 family 👨\u200d👩\u200d👧",
    "<|im_start|>system\nhi<|im_end|>",
    "I'll don't WE'RE they'D",
    "def f(x):\n    return x**2  # ok\r\n",
    "   ",
    "\u00a0nbsp\u200bzw e\u0301 a\x00b ١٢٣ Ⅷ ½",
)


def vocabulary_of(tokenizer: Any, header: Any = None) -> TransformersVocabulary:
    head = types.SimpleNamespace(weight=np.zeros((len(tokenizer), 1)))
    model = types.SimpleNamespace(get_output_embeddings=lambda: head, generation_config=None)
    return TransformersVocabulary(tokenizer, model, header, "models.transformers@1")


@pytest.mark.parametrize("make", [byte_level, sentencepiece])
def test_tokens_spell_the_text_byte_for_byte(make: Callable[[], Any]) -> None:
    vocabulary = vocabulary_of(make())
    for text in TEXTS:
        tokens = vocabulary.plain(text)
        assert b"".join(vocabulary.spelled(one) for one in tokens) == text.encode("utf-8")
        assert not any(vocabulary.is_control(one) for one in tokens)


def test_a_continuation_of_sentencepiece_gets_no_space_of_its_own() -> None:
    tokenizer = sentencepiece()
    vocabulary = vocabulary_of(tokenizer)
    assert tokenizer.convert_ids_to_tokens(vocabulary.plain("yes")) == ["yes"]
    assert tokenizer.convert_ids_to_tokens(vocabulary.plain(" yes")) == ["\u2581yes"]
    assert tokenizer.convert_ids_to_tokens(vocabulary.control("</s>yes")) == ["</s>", "yes"]


def test_names_in_the_pieces_of_a_unigram_model_are_letters_too() -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(letter, -3.0) for letter in "</s>abc"[:3] + ">abc"]
    bare = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    bare.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    bare.decoder = tokenizers.decoders.Metaspace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )
    vocabulary = vocabulary_of(tokenizer)
    assert tokenizer.convert_ids_to_tokens(vocabulary.plain("a</s>")) == ["a", "<", "/", "s", ">"]
    assert vocabulary.control("a</s>")[-1] == tokenizer.eos_token_id


def test_what_a_tokenizer_puts_around_a_text_is_known() -> None:
    tokenizer = sentencepiece()
    tokenizer.backend_tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    vocabulary = vocabulary_of(tokenizer)
    assert (vocabulary.begin, vocabulary.end) == ((1,), (2,))
    assert vocabulary.plain("yes") == vocabulary_of(sentencepiece()).plain("yes")


def test_a_tokenizer_whose_pieces_cannot_be_joined_is_refused() -> None:
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "<unk>": 1}, "<unk>"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bare, unk_token="<unk>")
    with pytest.raises(ModelError, match="cannot be joined"):
        vocabulary_of(tokenizer)


@pytest.mark.models
def test_a_gguf_file_gives_the_tokens_that_llama_cpp_gives(needs: Callable[[str], str]) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="needs the extra llama")
    pytest.importorskip("gguf", reason="needs the extra torch")
    path = default_store().locate(needs(KEY)).file(".gguf")
    with silenced():
        tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    header = gguf_header(path)
    assert header["tokenizer.ggml.pre"] == "smollm" and header["llama.block_count"] == 30
    vocabulary = vocabulary_of(tokenizer, header)
    other = llama_cpp.Llama(model_path=str(path), vocab_only=True, verbose=False)
    for text in TEXTS:
        encoded = text.encode("utf-8")
        assert vocabulary.plain(text) == other.tokenize(encoded, add_bos=False, special=False)
        assert vocabulary.control(text) == other.tokenize(encoded, add_bos=False, special=True)
        spelled = b"".join(vocabulary.spelled(one) for one in vocabulary.plain(text))
        assert spelled == encoded
    end = llama_cpp.llama_model_get_vocab(other.model)
    ends = [one for one in range(vocabulary.size) if vocabulary.ends(one)]
    assert ends == [one for one in range(vocabulary.size) if llama_cpp.llama_vocab_is_eog(end, one)]
    with pytest.raises(ModelError, match=r"cuts texts by 'other'.*models\.llama_cpp@1"):
        vocabulary_of(tokenizer, {**header, "tokenizer.ggml.pre": "other"})
