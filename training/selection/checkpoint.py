"""A member's training on disk after each epoch, so that a stopped one goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a member has come to.

    Args:
        epochs: finished.
        losses: of training and on the stopping part, of each.
        best: epoch with the lowest of the second, from 0; -1 before the first.
        weights: now.
        best_weights: after that epoch.
        moments: of the optimiser, by array and moment.
        ended: whether it needs no further epoch.
    """

    epochs: int
    losses: tuple[tuple[float, float], ...]
    best: int
    weights: Arrays
    best_weights: Arrays
    moments: Arrays = field(default_factory=dict)
    ended: bool = False


def write(path: Path, progress: Progress, identity: str) -> None:
    """Replace a checkpoint, in one step.

    Args:
        path: of the file.
        progress: what is kept.
        identity: digest of the data and of how it is trained; another one will not be resumed.

    Raises:
        OSError: if it cannot be written; the one before is then untouched.
    """
    from safetensors.numpy import save

    told = {
        "identity": identity,
        "epochs": progress.epochs,
        "losses": progress.losses,
        "best": progress.best,
        "ended": progress.ended,
    }
    parts = {"now": progress.weights, "best": progress.best_weights, "moment": progress.moments}
    arrays = {
        f"{part}|{name}": np.array(one, order="C")
        for part, own in parts.items()
        for name, one in own.items()
    }
    write_atomically(path, save(arrays, metadata={"progress": json.dumps(told)}))


def read(path: Path, identity: str) -> Progress | None:
    """What ``write`` kept; None where there is no file.

    Raises:
        UsageError: if it is of other data or was trained otherwise.
        DataError: if the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            told: dict[str, Any] = json.loads((file.metadata() or {})["progress"])
            parts: dict[str, dict[str, NDArray[np.float32]]] = {"now": {}, "best": {}, "moment": {}}
            for key in file.keys():  # noqa: SIM118 - not a mapping
                part, _, name = key.partition("|")
                parts[part][name] = file.get_tensor(key)
        if told["identity"] != identity:
            raise UsageError(
                f"'{path.parent}' holds the training of other data, or of another seed or recipe:"
                " name another folder, or remove it to begin anew"
            )
        return Progress(
            int(told["epochs"]),
            tuple((float(one), float(other)) for one, other in told["losses"]),
            int(told["best"]),
            parts["now"],
            parts["best"],
            parts["moment"],
            bool(told["ended"]),
        )
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no checkpoint ({error}): remove it to begin anew") from error
