"""What the two torch resources share: finding the device, the folder and its fingerprint."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from assay.models.flops import TransformerShape
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Item = TypeVar("Item")

BETWEEN_CHECKS = 32
"""About how many texts go through a model before the deadline is looked at again."""

_READ = (".safetensors", ".json", ".txt", ".model")
"""Endings of the files that make up a model; anything else in the folder is not read."""


def torch_device(device: str, name: str) -> str:
    """The device to use; ``auto`` is the first NVIDIA card, else the processor.

    Raises:
        ModelError: if torch is not installed, or has no such device.
    """
    try:
        import torch
    except ImportError as error:
        raise ModelError(
            f"{name} needs {error.name}: install it with `pip install 'assay[torch]'`"
        ) from error
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"{name}: torch sees no NVIDIA card: write 'device: auto'")
    return device


def model_folder(path: str, name: str) -> Path:
    """The folder of a model that lies on this machine, with weights as safetensors.

    Raises:
        ModelError: if it is not there, or has only weights that would be unpickled.
    """
    folder = Path(path).expanduser()
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise ModelError(
            f"{name}: {folder} holds no model (no config.json, no modules.json): give the folder"
            " that save_pretrained wrote; models are never downloaded while a pipeline runs"
        )
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(
            f"{name}: {folder} has no .safetensors file: convert its weights, since pickled ones"
            " could run code and are not read"
        )
    return folder


def folder_digest(folder: Path) -> str:
    """sha256 over the libraries' versions and each file that makes up the model."""
    whole = hashlib.sha256()
    for library in ("torch", "transformers", "sentence-transformers"):
        whole.update(".".join(importlib.metadata.version(library).split(".")[:2]).encode())
    for path in sorted(one for one in folder.rglob("*") if one.suffix in _READ and one.is_file()):
        whole.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def check_length(max_tokens: int, model: Any, tokenizer: Any, name: str) -> None:
    """Refuse windows that are longer than what the model reads.

    Raises:
        UsageError: with both numbers.
    """
    known = (getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length)
    longest = min(int(one) for one in known if one is not None)
    if max_tokens > longest:
        raise UsageError(f"{name}: max_tokens is {max_tokens}, but the model reads {longest}")


def slices(items: Sequence[Item], batch_size: int, context: RunContext) -> Iterator[Sequence[Item]]:
    """Items in whole batches; between slices the request's limits are looked at.

    Raises:
        DeadlineExceeded: if the request is over.
    """
    size = max(batch_size, BETWEEN_CHECKS // batch_size * batch_size)
    for start in range(0, len(items), size):
        context.check()
        yield items[start : start + size]


def shape_of(config: Any) -> TransformerShape:
    """Layers and widths, for the account of operations.

    Args:
        config: of a transformers model.
    """
    return TransformerShape(config.num_hidden_layers, config.hidden_size, config.intermediate_size)
