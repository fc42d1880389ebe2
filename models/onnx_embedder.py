"""Sentence embeddings by an encoder in ONNX form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from assay.models.files.store import Located, checked_name, default_store
from assay.models.local_embedder import LocalEmbedder, LocalEmbedderConfig
from assay.models.onnx_encoder import OnnxEncoder, load
from assay.models.protocols import Floats
from assay.models.text_windows import Window, spaced, token_offsets
from assay.pipeline.canonical import digest
from assay.pipeline.component import register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError


class OnnxEmbedderConfig(LocalEmbedderConfig):
    """Settings of ``models.onnx_embedder@1``."""

    model: str = Field(
        "bge-small-en-v1.5-int8",
        description="catalogue key, or a folder with model.onnx, tokenizer.json, config.json",
    )
    max_tokens: int = Field(
        512, ge=16, le=32_768, description="longest window in tokens, special tokens included"
    )
    pooling: Literal["cls", "mean"] | None = Field(
        None,
        description="the first token's vector, or the mean over tokens, as trained; left out, what"
        " the catalogue or 1_Pooling/config.json says",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda needs an NVIDIA card and the extra gpu"
    )
    threads: int = Field(
        0, ge=0, le=256, description="texts embedded at the same time; 0 for every available core"
    )

    @field_validator("model")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(value, info.context, weights=".onnx")


@register("models.onnx_embedder@1")
class OnnxEmbedder(LocalEmbedder[OnnxEncoder]):
    """Vectors from an ONNX encoder.

    A text over ``max_tokens`` is cut into windows of about equal length; its vector
    is the mean of the windows' vectors, weighted by their tokens. Each window goes
    through the model alone, so a text's vector never depends on what else was asked,
    to the last bit. Cost: one call a window, one round.
    """

    Config = OnnxEmbedderConfig

    def __init__(self, config: OnnxEmbedderConfig) -> None:
        super().__init__(config)
        self._pooling: str | None = None

    def start(self) -> None:
        """Load the model.

        Raises:
            ModelError: if a library or a file is missing or wrong.
            UsageError: if nothing says how the model is pooled.
        """
        found = default_store().locate(self.config.model)
        self._engine = load(
            found,
            max_tokens=self.config.max_tokens,
            threads=self.config.threads,
            device=self.config.device,
            name=self.name,
        )
        self._pooling = self.config.pooling or _trained_pooling(found)
        self._settle(found.entry)

    def close(self) -> None:
        """Release the model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def fingerprint(self) -> str:
        """Over weights, tokenizer and every setting that a vector depends on."""
        return digest(
            {
                "model": self._loaded().digest,
                "max_tokens": self.config.max_tokens,
                "pooling": self._pooling,
                "query_prefix": self._query_prefix,
                "passage_prefix": self._passage_prefix,
                "normalise": self.config.normalise,
            }
        )

    def token_offsets(self, text: str) -> Sequence[tuple[int, int]]:
        """See ``Embedder.token_offsets``."""
        return token_offsets(self._loaded().tokenizer, text)

    def _cut(self, text: str, prefix: str, context: RunContext | None) -> list[Window]:
        encoder = self._loaded()
        before: Any = None
        if prefix:
            lead, text = spaced(prefix, text)
            before = encoder.encode(lead)
        return encoder.windows(text, before=before, context=context)

    def _run(self, windows: Sequence[Window], contexts: Sequence[RunContext]) -> list[Floats]:
        return self._loaded().each(windows, self._vector, contexts)

    def _flops(self, tokens: int) -> float:
        return self._loaded().operations(tokens)

    def _vector(self, window: Window) -> Floats:
        """The vector of one window, shape ``(dimension,)``."""
        output = self._loaded().run(window)
        if output.ndim == 1:  # the model pools by itself
            return output
        if self._pooling is None:
            raise UsageError(
                f"{self.name}: {self.config.model} gives a vector a token, and no"
                " 1_Pooling/config.json beside it says how they become one: write 'pooling: cls'"
                " or 'pooling: mean', as the model was trained"
            )
        vector: Floats = output[0] if self._pooling == "cls" else output.mean(axis=0)
        return vector


def _trained_pooling(found: Located) -> str | None:
    """What catalogue or model folder say of the pooling; None where they say nothing.

    Raises:
        ModelError: if the folder names a pooling that is not known here.
    """
    if found.entry is not None:
        return found.entry.embedding.pooling if found.entry.embedding is not None else None
    folder = found.path if found.path.is_dir() else found.path.parent
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return None
    try:
        return _named_pooling(json.loads(path.read_text(encoding="utf-8")), path)
    except ValueError as error:
        raise ModelError(f"{path} is no JSON ({error}): copy it again from the model") from error


def _named_pooling(said: Any, path: Path) -> str:
    """The one pooling of a file as sentence-transformers writes it, in its old or new form."""
    old = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
    known = said if isinstance(said, dict) else {}
    modes = [key for key, value in known.items() if key.startswith("pooling_mode_") and value]
    named = known.get("pooling_mode") or [old.get(key, key) for key in modes]
    found = [named] if isinstance(named, str) else list(named)
    if len(found) != 1 or found[0] not in old.values():
        raise ModelError(
            f"{path} names the pooling {', '.join(map(str, found)) or 'not at all'}, but known are"
            " cls and mean: use models.torch_embedder@1, which pools as the files say"
        )
    return str(found[0])
