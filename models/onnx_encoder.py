"""An encoder in ONNX form with its tokenizer: what the two ONNX resources share.

Texts go through the model one at a time, never padded together. Dynamically
quantised models choose one activation range for the whole input tensor, so in a
batch a text's output depends on its neighbours and on padding: with the int8
files of the catalogue, cosines fell to 0.993 and relevance logits moved by up to
0.76. One at a time the answer is always the same, and on a processor it is no
slower. Texts run side by side in threads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assay.models import flops
from assay.models.protocols import Floats
from assay.models.store import Located
from assay.models.threads import thread_count
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHAPE_KEYS = ("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings")


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of input with its special tokens, ready for the model.

    Args:
        ids: token ids.
        types: segment of each token, 0 or 1.
        own: tokens of the text itself.
    """

    ids: Sequence[int]
    types: Sequence[int]
    own: int


@dataclass(slots=True)
class OnnxEncoder:
    """A loaded model; made by ``load``, released by ``close``.

    Args:
        digest: sha256 of weights and tokenizer together.
    """

    session: Any
    tokenizer: Any
    inputs: frozenset[str]
    shape: flops.TransformerShape
    digest: str
    max_tokens: int
    pool: ThreadPoolExecutor

    def encode(self, text: str) -> Any:
        """Tokens of a text as plain text: the names of special tokens are words."""
        clean = text.encode("utf-8", errors="replace").decode("utf-8")
        return self.tokenizer.encode(clean, add_special_tokens=False)

    def windows(self, text: str, *, before: Any = None, pair: bool = False) -> list[Window]:
        """A text in as few windows as fit, of about equal length, in order.

        Args:
            text: the text.
            before: encoding that each window starts with (a prefix or a query).
            pair: whether ``before`` is a segment of its own.

        Raises:
            UsageError: if ``before`` leaves no room for the text.
        """
        whole = self.encode(text)
        lead = len(before.ids) if before is not None else 0
        room = self.max_tokens - lead - self.tokenizer.num_special_tokens_to_add(pair)
        if room < 1:
            raise UsageError(
                f"a query or prefix of {lead} tokens leaves no room for a passage in a window of"
                f" {self.max_tokens} tokens: shorten it"
            )
        count = max(1, -(-len(whole.ids) // room))
        pieces = [whole]
        if count > 1:
            whole.truncate(-(-len(whole.ids) // count))
            pieces = [whole, *whole.overflowing]
        return [self._window(piece, before, pair) for piece in pieces]

    def _window(self, piece: Any, before: Any, pair: bool) -> Window:
        own = len(piece.ids)
        if before is None:
            joined = self.tokenizer.post_process(piece)
        elif pair:
            joined = self.tokenizer.post_process(before, piece)
        else:
            joined = self.tokenizer.post_process(type(piece).merge([before, piece]))
        return Window(joined.ids, joined.type_ids, own)

    def run(self, window: Window) -> Floats:
        """The model's first output for one window, without the batch axis."""
        ids = np.asarray([window.ids], dtype=np.int64)
        feeds = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.asarray([window.types], dtype=np.int64),
        }
        used = {name: feeds[name] for name in feeds if name in self.inputs}
        output: Floats = self.session.run(None, used)[0][0]
        return output.astype(np.float32, copy=False)

    def each(
        self, items: Sequence[Item], work: Callable[[Item], Result], context: RunContext
    ) -> list[Result]:
        """``work`` on every item in threads, results in order; stops when the request does."""

        def one(item: Item) -> Result:
            context.check()
            return work(item)

        if len(items) == 1:
            return [one(items[0])]
        futures = [self.pool.submit(one, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def book(self, windows: Sequence[Window], context: RunContext) -> None:
        """Put windows on the account: a call each, all in one round."""
        lengths = [len(window.ids) for window in windows]
        context.spend(
            calls=len(lengths),
            rounds=1,
            tokens_in=sum(lengths),
            flops=sum(flops.encoder(self.shape, length) for length in lengths),
        )

    def close(self) -> None:
        """Stop the threads and let the session go."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.session = None


PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""What ONNX runtime calls the devices."""


def load(
    found: Located, *, max_tokens: int, threads: int, name: str, device: str = "cpu"
) -> OnnxEncoder:
    """Load model and tokenizer from a located folder.

    Args:
        found: the folder, with ``model.onnx``, ``tokenizer.json`` and, outside the
            catalogue, ``config.json`` as model hubs write it.
        max_tokens: longest input, special tokens included.
        threads: texts at work at the same time; 0 for every available core.
        name: the component that asks, for messages.
        device: ``cpu`` or ``cuda``.

    Raises:
        ModelError: if a library, a file or the device is missing or cannot be loaded.
        UsageError: if ``max_tokens`` is more than the model can read.
    """
    try:
        import onnxruntime
        import tokenizers
    except ImportError as error:
        raise ModelError(
            f"{name} needs {error.name}: install it with `pip install 'assay[embedded]'`"
        ) from error
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise ModelError(
            f"{name}: this build of onnxruntime cannot use '{device}': install it for NVIDIA cards"
            " with `pip uninstall onnxruntime && pip install 'assay[gpu]'`, or write 'device: cpu'"
        )
    weights = found.file(".onnx")
    folder = weights.parent
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise ModelError(f"{name}: no tokenizer.json beside {weights}: put it there")
    if found.entry is not None:
        shape, longest = found.entry.shape, found.entry.context_length
    else:
        shape, longest = _described(folder, name)
    if max_tokens > longest:
        raise UsageError(f"{name}: max_tokens is {max_tokens}, but the model reads {longest}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(weights), options, providers=[PROVIDERS[device]])
        if session.get_providers()[0] != PROVIDERS[device]:
            raise OSError(f"onnxruntime fell back from {device} to the processor")
        tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_file))
    except Exception as error:  # both libraries raise bare Exception subclasses of their own
        raise ModelError(
            f"{name}: {folder} cannot be loaded ({str(error).splitlines()[0]}): check that"
            " model.onnx and tokenizer.json are whole and of one model"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return OnnxEncoder(
        session=session,
        tokenizer=tokenizer,
        inputs=frozenset(one.name for one in session.get_inputs()),
        shape=shape,
        digest=found.sha256(weights) + found.sha256(tokenizer_file),
        max_tokens=max_tokens,
        pool=ThreadPoolExecutor(thread_count(threads), thread_name_prefix="assay-onnx"),
    )


def _described(folder: Path, name: str) -> tuple[flops.TransformerShape, int]:
    """Shape and longest input by the folder's config.json."""
    path = folder / "config.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        layers, hidden, feed_forward, longest = (int(said[key]) for key in _SHAPE_KEYS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{name}: {path} does not describe the model ({type(error).__name__}: {error});"
            f" expected a JSON object with {', '.join(_SHAPE_KEYS)}"
        ) from error
    return flops.TransformerShape(layers, hidden, feed_forward), longest
