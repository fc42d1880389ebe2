"""A model's tokenizer by itself: it neither pads nor cuts, and no text can name a special token."""

from __future__ import annotations

from typing import Any

from assay.pipeline.errors import ModelError


def plain_tokenizer(tokenizer: Any, name: str) -> Any:
    """A copy of a transformers tokenizer, of the library tokenizers.

    Args:
        tokenizer: a fast tokenizer of transformers; it stays as it is.
        name: the component that asks, for messages.

    Raises:
        ModelError: if it is a slow one.
    """
    import tokenizers

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, tokenizers.Tokenizer):
        raise ModelError(
            f"{name}: the model has a slow tokenizer ({type(tokenizer).__name__}), expected one"
            " with a tokenizer.json: save the model again with a fast tokenizer"
        )
    copied = tokenizers.Tokenizer.from_str(backend.to_str())
    copied.no_padding()
    copied.no_truncation()
    copied.encode_special_tokens = True
    return copied
