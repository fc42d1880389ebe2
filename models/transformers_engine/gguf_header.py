"""What a GGUF file says of itself, read without a library and without its tensors."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from assay.pipeline.errors import ModelError

_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 28


def gguf_header(path: Path) -> dict[str, str | int | float]:
    """The metadata of a file: strings and numbers by name; lists are left out.

    Source: the GGUF specification, versions 2 and 3, little-endian.

    Args:
        path: the file.

    Raises:
        ModelError: if it is not a whole GGUF file.
    """
    found: dict[str, str | int | float] = {}
    try:
        with path.open("rb") as file:
            if _bytes(file, 4) != b"GGUF":
                raise ValueError("it does not begin with GGUF")
            version, _, count = struct.unpack("<IQQ", _bytes(file, 20))
            if version not in (2, 3):
                raise ValueError(f"its version is {version}, not 2 or 3")
            for _ in range(count):
                name = _string(file)
                (kind,) = struct.unpack("<I", _bytes(file, 4))
                if kind == _ARRAY:
                    _skip(file)
                else:
                    found[name] = _value(file, kind)
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(
            f"{path} cannot be read as GGUF ({error}): bring it again, or convert the model with a"
            " current llama.cpp"
        ) from error
    return found


def _bytes(file: BinaryIO, count: int) -> bytes:
    if count > _LONGEST:
        raise ValueError(f"a value of {count} bytes")
    read = file.read(count)
    if len(read) != count:
        raise ValueError("it ends in the middle of its header")
    return read


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _bytes(file, 8))
    return _bytes(file, length).decode("utf-8", errors="replace")


def _value(file: BinaryIO, kind: int) -> str | int | float:
    if kind == _STRING:
        return _string(file)
    if kind not in _NUMBERS:
        raise ValueError(f"a value of the unknown kind {kind}")
    form = f"<{_NUMBERS[kind]}"
    value: int | float = struct.unpack(form, _bytes(file, struct.calcsize(form)))[0]
    return value


def _skip(file: BinaryIO) -> None:
    """Pass over a list; a list of lists is not known to occur."""
    kind, count = struct.unpack("<IQ", _bytes(file, 12))
    if kind == _STRING:
        for _ in range(count):
            _string(file)
    elif kind in _NUMBERS:
        file.seek(count * struct.calcsize(f"<{_NUMBERS[kind]}"), 1)
    else:
        raise ValueError(f"a list of the unknown kind {kind}")
