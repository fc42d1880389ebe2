"""Finds PDF files that are small on disk and would cost minutes or gigabytes to read.

PDFium cannot be stopped once it reads a page, so this looks at the streams of the file before:
what they unpack to, and how often drawings that call drawings would be drawn. Streams of an
encrypted file cannot be looked at this way.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from assay.corpora.loaders.loaded import Limits, Unreadable

_OBJECT = re.compile(rb"(\d{1,10})\s{1,9}\d{1,5}\s{1,9}obj\b")
_NUMBER = re.compile(rb"(\d{1,10})\s{1,9}\d{1,5}\s{1,9}\Z")
_REFERENCE = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+R\b")
_CALL = re.compile(rb"(?<![^\s\]>)])Do\b")
_PIECE = 1 << 20
_LONGEST_HEADER = 20_000  # bytes before a stream that are searched for its description
_FREE = 1 << 20  # bytes that any stream may unpack to
_MOST_DRAWINGS = 1_000_000


def refuse_bombs(data: bytes, limits: Limits, name: str) -> None:
    """Nothing for a file that is as large as it looks.

    Args:
        data: the whole file.
        limits: ``unpacked_bytes`` and ``ratio`` of one stream.
        name: of the file, for the message.

    Raises:
        Unreadable: if a stream unpacks beyond the limits, or drawings call each other so often
            that a page would never be done.
    """
    calls: dict[int, int] = {}
    names: dict[int, set[int]] = {}
    for number, header, packed in _streams(data):
        if re.search(rb"/Subtype\s*/Image\b", header):
            continue  # never unpacked for its text
        layers = min(5, len(re.findall(rb"/(?:FlateDecode|Fl)\b", header)))
        is_form = re.search(rb"/Form\b", header) is not None
        is_bundle = re.search(rb"/ObjStm\b", header) is not None
        content = _unpacked(packed, layers, limits, name, keep=is_form or is_bundle)
        if is_form:
            calls[number] = len(_CALL.findall(content))
            names[number] = _references(header)
        elif is_bundle:
            for inner, body in _bundled(content):
                names.setdefault(inner, set()).update(_references(body))
    if any(calls.values()):
        starts = [(int(one.group(1)), one.end()) for one in _OBJECT.finditer(data)]
        for (number, start), (_, end) in zip(starts, [*starts[1:], (0, len(data))], strict=True):
            if number not in calls:
                body = data[start : min(end, start + 4000)]
                names.setdefault(number, set()).update(_references(body))
        costs: dict[int, int] = {}
        if any(_cost(number, calls, names, costs, 0) > _MOST_DRAWINGS for number in calls):
            raise Unreadable(
                f"{name}: its drawings call each other more than {_MOST_DRAWINGS} times on a "
                "page; the file is built to exhaust its reader and was not opened"
            )


def _streams(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Of every stream its object's number (-1 unknown), its description and its packed bytes."""
    behind = 0
    while (at := data.find(b"stream", behind)) >= 0:
        if data[at - 3 : at] == b"end":
            behind = at + 6
            continue
        floor = max(behind, at - _LONGEST_HEADER)
        begin = data.rfind(b"obj", floor, at)
        numbered = _NUMBER.search(data[max(0, begin - 40) : begin]) if begin >= 0 else None
        start = at + 6 + (2 if data[at + 6 : at + 8] == b"\r\n" else 1)
        end = data.find(b"endstream", start)
        behind = end if end >= 0 else len(data)
        header = data[begin + 3 if begin >= 0 else floor : at]
        yield int(numbered.group(1)) if numbered else -1, header, data[start:behind]


def _references(body: bytes) -> set[int]:
    return {int(number) for number in _REFERENCE.findall(body)}


def _unpacked(packed: bytes, layers: int, limits: Limits, name: str, *, keep: bool) -> bytes:
    """The start of a stream's content where ``keep``; counts all of it."""
    content = packed
    for layer in range(layers):
        last = layer == layers - 1
        machine = zlib.decompressobj()
        kept: list[bytes] = []
        size, rest = 0, content
        most = min(limits.unpacked_bytes, max(_FREE, limits.ratio * len(packed)))
        while rest and not machine.eof:
            try:
                piece = machine.decompress(rest, _PIECE)
            except zlib.error:
                break  # damaged or encrypted: PDFium decides what can be read
            size += len(piece)
            if size > most:
                raise Unreadable(
                    f"{name}: a stream of {len(packed)} bytes unpacks to more than {most}; "
                    "raise the limits 'ratio' or 'unpacked_bytes' if the file can be trusted"
                )
            if not last or keep:
                kept.append(piece)
            rest = machine.unconsumed_tail
        content = b"".join(kept)
    return content


def _bundled(content: bytes) -> list[tuple[int, bytes]]:
    """Numbers and bodies of the objects in an object stream; bodies may overlap."""
    numbers = re.match(rb"\s*((?:\d{1,10}\s+)+)", content)
    if numbers is None:
        return []
    header = [int(number) for number in numbers.group(1).split()]
    pairs = list(zip(header[::2], header[1::2], strict=False))
    start = numbers.end()
    ends = [offset for _, offset in pairs[1:]] + [len(content)]
    return [
        (number, content[start + offset : start + end])
        for (number, offset), end in zip(pairs, ends, strict=True)
    ]


def _cost(
    form: int, calls: dict[int, int], names: dict[int, set[int]], costs: dict[int, int], depth: int
) -> int:
    """How many drawings a form stands for at most, itself included."""
    if form in costs or not calls[form]:
        return costs.get(form, 1)
    costs[form] = 1  # a form that calls itself is drawn once
    seen: set[int] = set()
    edge = names.get(form, set())
    forms: set[int] = set()
    for _ in range(4):  # resources may lie in objects of their own
        forms |= {number for number in edge if number in calls}
        seen |= edge
        following = (names.get(number, set()) for number in edge if number not in calls)
        edge = {one for some in following for one in some} - seen
        if len(seen) > 1000:
            break
    inner = 1
    if depth < 60:
        inner = max((_cost(one, calls, names, costs, depth + 1) for one in forms), default=1)
    costs[form] = min(1 + calls[form] * inner, _MOST_DRAWINGS + 1)
    return costs[form]
