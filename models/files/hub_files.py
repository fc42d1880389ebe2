"""Which files of a model on the hub are taken: weights that are data, and the small files of text.

Pickled weights (``.bin``, ``.pt``, ``.pkl``) run code when they are read, and files of code
run when they are imported: neither is ever taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.pipeline.errors import ModelError, UsageError

_WEIGHTS = (".safetensors", ".onnx", ".gguf")
_SMALL = (".json", ".txt", ".jinja", ".model", ".tiktoken")
_LICENCES = ("license", "licence", "notice")
_MODULE = re.compile(r"(\d+_\w+/)?[^/]+")
"""At the top, or in a folder of sentence-transformers' modules (``1_Pooling/config.json``)."""
_SHARD = re.compile(r"(.+)-\d{5}(-of-\d{5}\.gguf)")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Taken:
    """The files that are taken.

    Args:
        files: path in the model's folder to path in the repository.
        weights: the one file that holds the weights, in the model's folder; None where the
            folder as a whole is the model.
    """

    files: Mapping[str, str]
    weights: str | None


def choose(paths: Iterable[str], file: str | None, key: str) -> Taken:
    """The files to take: one kind of weights, with everything of text that belongs to it.

    Without ``file`` these are the safetensors at the top; where there are none, the only
    ONNX or GGUF file. A file of weights out of a folder lies at the top afterwards, beside
    its tokenizer.

    Args:
        paths: everything in the repository.
        file: the weights that the user named.
        key: the model's name, for messages.

    Raises:
        ModelError: if there are no weights that are taken, or several to choose from.
        UsageError: if the named file is not there, or is not taken.
    """
    known = sorted(paths)
    offered = [path for path in known if path.endswith(_WEIGHTS)]
    small = [path for path in known if _MODULE.fullmatch(path) and _is_small(path)]
    tensors = [one for one in offered if one.endswith(".safetensors") and _MODULE.fullmatch(one)]
    if file is None and tensors:
        # some authors publish a second copy in a layout of their own
        usual = [one for one in tensors if not one.startswith("consolidated")] or tensors
        return Taken({path: path for path in (*usual, *small)}, None)
    if file is None:
        file = _only(offered, key)
    elif file not in known:
        raise UsageError(f"{key}: no such file; its weights are {_listed(offered)}")
    elif not file.endswith(_WEIGHTS):
        raise UsageError(
            f"{key}: only {', '.join(_WEIGHTS)} are taken as weights: pickled ones can run code;"
            f" there are {_listed(offered)}"
        )
    folder = file.rpartition("/")[0]
    beside = [path for path in known if path.rpartition("/")[0] == folder]
    near = [path for path in beside if _is_small(path)] if folder else []
    files = {path.rpartition("/")[2]: path for path in (*near, *_with_rest(file, beside))}
    return Taken({**files, **{path: path for path in small}}, file.rpartition("/")[2])


def _with_rest(file: str, beside: list[str]) -> list[str]:
    """A file of weights with its other shards, or with the data that it points to."""
    shard = _SHARD.fullmatch(file)
    if shard is not None:
        first, last = shard.groups()
        return [
            one
            for one in beside
            if (two := _SHARD.fullmatch(one)) and two.groups() == (first, last)
        ]
    return [one for one in beside if one in (file, f"{file}_data", f"{file}.data")]


def _only(offered: list[str], key: str) -> str:
    firsts: dict[tuple[str, ...], str] = {}
    for path in offered:
        shard = _SHARD.fullmatch(path)
        firsts.setdefault(tuple(shard.groups()) if shard else (path,), path)
    if not firsts:
        raise ModelError(
            f"{key} has no safetensors, ONNX or GGUF file: pickled weights are never taken, since"
            " they can run code; look for a converted copy of the model"
        )
    if len(firsts) > 1:
        raise ModelError(
            f"{key} has several files of weights: name one with --file, or in the model's name"
            f" after '#'; there are {_listed(list(firsts.values()))}"
        )
    return next(iter(firsts.values()))


def _is_small(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(_SMALL) or name.partition(".")[0] in _LICENCES


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return (", ".join(paths[:_SHOWN]) or "none") + more
