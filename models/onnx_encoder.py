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
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assay.models import flops
from assay.models.files.store import Located
from assay.models.protocols import Floats
from assay.models.text_windows import Window, readable, token_windows
from assay.models.threads import thread_count
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Result = TypeVar("Result")

_SHAPE_KEYS = ("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings")


@dataclass(slots=True)
class OnnxEncoder:
    """A loaded model; made by ``load``, released by ``close``.

    Args:
        digest: sha256 of weights and tokenizer together.
        threads: how many of ``pool``'s there are.
    """

    session: Any
    tokenizer: Any
    inputs: frozenset[str]
    shape: flops.TransformerShape
    digest: str
    max_tokens: int
    threads: int
    pool: ThreadPoolExecutor

    def encode(self, text: str) -> Any:
        """Tokens of a text as plain text: the names of special tokens are words."""
        return self.tokenizer.encode(readable(text), add_special_tokens=False)

    def windows(
        self,
        text: str,
        *,
        before: Any = None,
        pair: bool = False,
        context: RunContext | None = None,
    ) -> list[Window]:
        """A text in windows that the model can read; see ``token_windows``."""
        return token_windows(
            self.tokenizer, text, self.max_tokens, before=before, pair=pair, context=context
        )

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
        self,
        windows: Sequence[Window],
        work: Callable[[Window], Result],
        contexts: Sequence[RunContext],
    ) -> list[Result]:
        """``work`` on every window in threads, results in order; stops when a request is over.

        The longest begin, so that the threads end together.

        Args:
            windows: what to work on.
            work: called in a thread.
            contexts: one for each window.
        """

        def one(place: int) -> Result:
            contexts[place].check()
            return work(windows[place])

        if len(windows) == 1:
            return [one(0)]
        order = sorted(range(len(windows)), key=lambda place: -len(windows[place].ids))
        waiting = iter(order)  # the threads take from it in turn, so none waits for another
        results: dict[int, Result] = {}

        def some() -> None:
            for place in waiting:
                results[place] = one(place)

        futures = [self.pool.submit(some) for _ in range(min(self.threads, len(windows)))]
        try:
            for future in futures:
                future.result()
        finally:
            for _ in waiting:  # after a failure nothing more is begun
                pass
            wait(futures)
        return [results[place] for place in range(len(windows))]

    def operations(self, tokens: int) -> float:
        """Operations for a window of so many tokens."""
        return flops.encoder(self.shape, tokens)

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
    at_once = thread_count(threads)
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
        threads=at_once,
        pool=ThreadPoolExecutor(at_once, thread_name_prefix="assay-onnx"),
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
