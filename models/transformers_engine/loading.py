"""How the transformers engine finds and loads its weights."""

from __future__ import annotations

import importlib.metadata
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.models.files.store import default_store
from assay.models.flops import TransformerShape
from assay.models.torch_models import folder_digest, model_folder
from assay.pipeline.errors import ModelError

_STATEFUL = ("linear_attention", "mamba", "recurrent", "conv", "chunked_attention")
"""Kinds of layers whose state cannot be cut back to a beginning."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a model lies.

    Args:
        folder: the folder to load from.
        gguf: name of the GGUF file in it, None for safetensors.
        sha256: over its bytes.
    """

    folder: Path
    gguf: str | None
    sha256: str

    @property
    def source(self) -> dict[str, Any]:
        """How transformers is told to load it: from this machine, running nothing of it."""
        given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        if self.gguf is not None:
            given["gguf_file"] = self.gguf
        return given


def find_weights(model: str, name: str) -> Weights:
    """Look a model up and check its bytes.

    Args:
        model: a key of the catalogue, a .gguf file, or a folder.
        name: the engine's registered name, for messages.

    Raises:
        ModelError: if it is not there, has wrong bytes, or only pickled weights.
    """
    found = default_store().locate(model)
    if found.path.is_dir() and (found.path / "config.json").is_file():
        folder = model_folder(str(found.path), name)
        return Weights(folder, None, folder_digest(folder))
    path = found.file(".gguf")
    if path.suffix != ".gguf":
        raise ModelError(
            f"{name}: {path} is neither a .gguf file nor the folder of a model: give one of them"
        )
    return Weights(path.parent, path.name, found.sha256(path))


def reads_then_writes(model: str) -> bool:
    """Whether a model is an encoder with a decoder, told by its folder without loading it."""
    path = Path(model) / "config.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("is_encoder_decoder") is True


def load(weights: Weights, dtype: str, device: str, name: str) -> tuple[Any, Any]:
    """The model and its tokenizer.

    Args:
        weights: where they lie.
        dtype: ``auto`` or torch's name of a number form.
        device: ``cpu`` or ``cuda``.
        name: the engine's registered name, for messages.

    Raises:
        ModelError: if a library is missing or the files cannot be loaded.
    """
    import safetensors
    import transformers

    kind: Any = transformers.AutoModelForCausalLM
    given = dict(weights.source)
    try:
        if weights.gguf is None:
            if reads_then_writes(str(weights.folder)):
                kind = transformers.AutoModelForSeq2SeqLM
            given["use_safetensors"] = True
        else:
            import accelerate  # noqa: F401 - transformers reads GGUF with both
            import gguf  # noqa: F401
            from transformers.utils.quantization_config import GgufConfig

            given["quantization_config"] = GgufConfig(dequantize=True)
        with silenced():
            given["dtype"] = _dtype(weights, dtype, device)
            model: Any = kind.from_pretrained(str(weights.folder), **given)
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(weights.folder), **weights.source
            )
            model = model.to(device).eval()
    except ImportError as error:
        raise ModelError(
            f"{name} needs {error.name or error}: install it with `pip install 'assay[torch]'`"
        ) from error
    # transformers has no root of its own for errors: these are what bad files raised.
    except (
        safetensors.SafetensorError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        RuntimeError,
        AttributeError,
    ) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{name}: {weights.folder / (weights.gguf or '')} cannot be loaded ({first[:300]}):"
            " give a whole .gguf file or the folder that save_pretrained wrote, of a kind that"
            " this version of transformers knows"
        ) from error
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if kinds & set(_STATEFUL):
        raise ModelError(
            f"{name}: {weights.folder} has layers of the kinds {sorted(kinds)}, whose beginnings"
            " cannot be kept: take a model with attention in every layer"
        )
    return model, tokenizer


def _dtype(weights: Weights, dtype: str, device: str) -> Any:
    """The number form to compute in; see ``TransformersConfig.dtype``."""
    import torch
    import transformers

    if dtype != "auto":
        return getattr(torch, dtype)
    if device == "cuda":
        return torch.bfloat16
    if weights.gguf is None:
        config = transformers.AutoConfig.from_pretrained(str(weights.folder), **weights.source)
        if getattr(config, "dtype", None) != torch.bfloat16:
            return torch.float32
    return torch.bfloat16 if _multiplies_bfloat16() else torch.float32


def _multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 products (AVX512-BF16, AMX)."""
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)


def shape_of(model: Any) -> TransformerShape:
    """A loaded model's sizes."""
    config = model.config.get_text_config()

    def first(*names: str) -> Any:
        return next((value for one in names if (value := getattr(config, one, None))), None)

    hidden = int(first("hidden_size", "d_model", "n_embd"))
    heads = int(first("num_attention_heads", "num_heads", "n_head"))
    leaves = {one.rpartition(".")[2] for one, _ in model.named_modules()}
    return TransformerShape(
        layers=int(first("num_hidden_layers", "num_layers", "n_layer")),
        hidden=hidden,
        feed_forward=int(first("intermediate_size", "d_ff", "ffn_dim", "n_inner") or 4 * hidden),
        heads_per_key=heads / int(first("num_key_value_heads") or heads),
        gated=bool(leaves & {"gate_proj", "gate_up_proj", "wi_1"}),
        vocabulary=int(model.get_output_embeddings().weight.shape[0]),
    )


def versions() -> dict[str, str]:
    """The libraries that results depend on, without their patch numbers."""
    return {
        one: ".".join(importlib.metadata.version(one).split(".")[:2])
        for one in ("torch", "transformers")
    }


@contextmanager
def silenced() -> Iterator[None]:
    """Neither bars nor warnings of the libraries; what was set before is set again."""
    from transformers.utils import logging as library

    before = library.get_verbosity()
    library.set_verbosity(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        library.set_verbosity(before)
