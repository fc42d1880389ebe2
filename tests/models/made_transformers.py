"""Tiny transformers models with seeded random weights and trained-on-the-spot tokenizers."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

TEXT = (
    "The library opens at nine and closes at five. Members may borrow three books for two weeks. "
    "A bird can fly over the sea and back again; how far does it go in one day? Yes, no, perhaps. "
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_level(*, tool: bool = True) -> Any:
    """A byte-level tokenizer with two turn tokens, and one added token that is not special."""
    import tokenizers

    transformers: Any = importlib.import_module("transformers")
    from tokenizers import decoders, models, pre_tokenizers, trainers

    bare = tokenizers.Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bare.train_from_iterator([TEXT], trainer)
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare,
        eos_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        chat_template=TEMPLATE,
    )
    if tool:
        made.add_tokens(["<tool>"])
    return made


def sentencepiece() -> Any:
    """A tokenizer of the sentencepiece kind: spaces as letters, bytes for what is unknown."""
    import tokenizers

    transformers: Any = importlib.import_module("transformers")
    from tokenizers import AddedToken, decoders, models, normalizers

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += ["\u2581", *"abcdefghijklmnopqrstuvwxyz", "ye", "yes", "\u2581yes"]
    merges = [("y", "e"), ("ye", "s"), ("\u2581", "yes")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    bare = tokenizers.Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    bare.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    bare.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    bare.add_special_tokens([AddedToken(one, special=True) for one in ("<unk>", "<s>", "</s>")])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def save_llama(folder: Path, **changes: Any) -> Path:
    """A Llama of three layers with grouped keys, in float32."""
    import torch

    transformers: Any = importlib.import_module("transformers")

    tokenizer = byte_level()
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.3,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        **changes,
    }
    kind, config = transformers.LlamaForCausalLM, transformers.LlamaConfig
    if "sliding_window" in changes:
        kind, config = transformers.MistralForCausalLM, transformers.MistralConfig
    torch.manual_seed(5)
    kind(config(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_gpt2(folder: Path) -> Path:
    """A GPT-2 of two layers: learned positions, a feed-forward part without a gate."""
    import torch

    transformers: Any = importlib.import_module("transformers")

    tokenizer = byte_level()
    torch.manual_seed(6)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=512,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_t5(folder: Path) -> Path:
    """A T5 of two layers."""
    import torch

    transformers: Any = importlib.import_module("transformers")

    tokenizer = byte_level(tool=False)
    torch.manual_seed(7)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=0,
        initializer_factor=2.0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
