"""What the torch resources share: device, folder and fingerprint, batches and threads."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import numpy as np

from assay.models.account import check
from assay.models.files.manifest import MANIFEST
from assay.models.flops import TransformerShape
from assay.models.text_windows import Window
from assay.models.threads import thread_count
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Result = TypeVar("Result")

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
    files = [one for one in folder.rglob("*") if one.suffix in _READ and one.is_file()]
    for path in sorted(one for one in files if one.name != MANIFEST):
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


def shape_of(config: Any) -> TransformerShape:
    """Layers and widths, for the account of operations.

    Args:
        config: of a transformers model.
    """
    names = ("intermediate_size", "hidden_dim", "d_ff", "n_inner", "ffn_dim")
    widths = [getattr(config, name, None) for name in names]
    width = next((one for one in widths if isinstance(one, int)), 4 * config.hidden_size)
    return TransformerShape(config.num_hidden_layers, config.hidden_size, width)


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Places of items in batches of like length, the longest first.

    Args:
        lengths: tokens of each item.
        batch_tokens: most tokens of a batch, padding included; a longer item is a batch alone.

    >>> batches([3, 9, 4, 8], 16)
    [[1], [3, 2], [0]]
    """
    made: list[list[int]] = []
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    for place in order:
        if made and (len(made[-1]) + 1) * lengths[made[-1][0]] <= batch_tokens:
            made[-1].append(place)
        else:
            made.append([place])
    return made


def roomy_batch(shape: TransformerShape, bytes_a_number: int) -> int:
    """Tokens of a batch for which the card has memory: half of what is free, 65,536 at most.

    Args:
        shape: of the model. A token is counted with eight numbers a hidden and four a
            feed-forward unit, which is more than a block without gradients holds at once.
        bytes_a_number: 4 for float32, 2 for the half precisions.
    """
    import torch

    free: int = torch.cuda.mem_get_info()[0]
    a_token = (8 * shape.hidden + 4 * shape.feed_forward) * bytes_a_number
    return max(1, min(1 << 16, free // 2 // a_token))


HALF_BATCH = 2048
"""Tokens of a batch on the processor in half precision, where single texts are slower."""


def batching(
    asked: int, *, dtype: str, device: str, shape: TransformerShape
) -> tuple[ThreadPoolExecutor | None, int]:
    """How texts go through a model: threads that take each text alone, or batches.

    Args:
        asked: most tokens of a batch by the config; 0 lets the engine decide.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        device: ``cpu`` or ``cuda``.
        shape: of the model.

    Returns:
        Threads (None where batches are made), and most tokens of a batch (0 without batches).
    """
    if asked:
        return None, asked
    if device == "cuda":
        return None, roomy_batch(shape, 4 if dtype == "float32" else 2)
    if dtype != "float32":
        return None, HALF_BATCH
    return worker_threads(thread_count(0)), 0


def worker_threads(count: int) -> ThreadPoolExecutor:
    """Threads in which torch uses one core each; the other threads' share stays as it is.

    Texts side by side, each on one core, are about as fast as one batch on all cores, and what
    a text gives cannot depend on the others.

    Args:
        count: how many.
    """
    import torch

    before = torch.get_num_threads()
    begun = Barrier(count + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        # A thread takes the number over when torch is first used in it: now, before it changes.
        torch.get_num_threads()
        begun.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="assay-torch", initializer=begin)
    for _ in range(count):
        pool.submit(int)
    begun.wait()
    # The last call also sets what threads that come later begin with.
    torch.set_num_threads(before)
    return pool


def forwarded(
    windows: Sequence[Window],
    contexts: Sequence[RunContext],
    *,
    pool: ThreadPoolExecutor | None,
    batch_tokens: int,
    forward: Callable[[Sequence[Window]], Sequence[Result]],
) -> list[Result]:
    """What a model makes of windows, in their order; stops when a request is over.

    Args:
        windows: of all texts.
        contexts: one for each window.
        pool: threads for windows taken alone; None where batches are made here.
        batch_tokens: most tokens of a batch, 0 for windows taken alone.
        forward: makes one result of each window of a batch.
    """
    places = batches([len(window.ids) for window in windows], batch_tokens)

    def work(some: list[int]) -> Sequence[Result]:
        check([contexts[place] for place in some])
        return forward([windows[place] for place in some])

    if pool is None:
        found = [work(some) for some in places]
    else:
        futures = [pool.submit(work, some) for some in places]
        try:
            found = [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
    made: dict[int, Result] = {}
    for some, results in zip(places, found, strict=True):
        made.update(zip(some, results, strict=True))
    return [made[place] for place in range(len(windows))]


def filled(
    windows: Sequence[Window], *, padding: int, given: Collection[str], device: str
) -> dict[str, Any]:
    """A batch as tensors of shape ``(len(windows), longest window)``, by the model's names.

    It is filled up on the right, whatever the tokenizer's own side: positions then count from the
    text's first token in every family of models.

    Args:
        windows: of the batch.
        padding: id that fills it up.
        given: inputs that the model takes.
        device: where the tensors go.
    """
    import torch

    longest = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), longest), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    types = np.zeros_like(ids)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : len(window.ids)] = 1
        types[row, : len(window.ids)] = window.types
    arrays = {"input_ids": ids, "attention_mask": mask}
    if "token_type_ids" in given:
        arrays["token_type_ids"] = types
    return {name: torch.from_numpy(one).to(device) for name, one in arrays.items()}
