"""Makes text of bytes, and says where it had to guess or to replace.

The order: a byte order mark, UTF-8, the encoding that the file declares, UTF-16 and UTF-32 by the
pattern of their zero bytes, UTF-8 with single broken bytes, and last charset-normalizer's guess.
Only the first three are silent; the others leave a sentence among the problems.
"""

from __future__ import annotations

import codecs
import re

from assay.corpora.loaders.loaded import Unreadable
from assay.pipeline.errors import UsageError

_MARKS = (  # UTF-32 before UTF-16: the mark of the one begins with the mark of the other
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSABLE = (  # in this order where the guesses are equally good
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
# codecs of Python that are no encodings of files, and one that turns ASCII into something else
_NO_ENCODING = {"unicode-escape", "raw-unicode-escape", "punycode", "idna", "undefined", "utf-7"}
# as browsers do: what calls itself Latin-1 or ASCII is Windows-1252, a superset of its letters
_READ_AS = {"iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030",
            "gbk": "gb18030", "euc_kr": "cp949", "iso8859-9": "cp1254"}  # fmt: skip

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_ESCAPED = re.compile("[\udc80-\udcff]")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1b")
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})|"
    rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})",
    re.IGNORECASE,
)
_SAMPLE = 32 * 1024  # bytes that the guess looks at: its time does not grow with the file
_WINDOW = 4 * 1024


def decode(raw: bytes, source_id: str, *, declared: str = "") -> tuple[str, list[str]]:
    """The text of a file.

    Line ends stay as they are; a byte order mark is no part of the text.

    Args:
        raw: all bytes of the file.
        source_id: how the messages call it.
        declared: the encoding that the file or its folder names; '' for none.

    Returns:
        The text, and a sentence for each thing that was guessed or replaced.

    Raises:
        Unreadable: if the bytes are no text.
        UsageError: if an encoding must be guessed and charset-normalizer is not installed.

    >>> decode(b"\\xef\\xbb\\xbfcaf\\xc3\\xa9", "a.txt")
    ('café', [])
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], encoding, source_id)
    codec = _codec(declared)
    problems = []
    if declared and not codec:
        problems.append(f"{source_id}: declares the unknown encoding '{declared[:40]}'")
    if b"\0" in raw:
        text, more = _with_zero_bytes(raw, source_id)
        return text, problems + more
    _refuse_binary(raw, source_id)
    shifting = codec.startswith(("iso2022", "hz")) and (b"\x1b" in raw or b"~{" in raw)
    text = "" if shifting else _strictly(raw, "utf-8")
    if text or not raw:
        if codec not in ("", "utf-8") and not raw.isascii():
            problems.append(f"{source_id}: declares {declared[:40]} but is valid UTF-8; so read")
        return text, problems
    if codec and codec != "utf-8":
        text = _strictly(raw, codec)
        if text:
            return text, problems
        text, more = _decoded(raw, codec, source_id)
        if text.count("\ufffd") * 100 <= len(text):
            return text, problems + more
        problems.append(f"{source_id}: is not in {declared[:40]}, the encoding that it declares")
    text, more = _decoded(raw, "utf-8", source_id)
    broken = text.count("\ufffd")
    sound = len(_NOT_ASCII.findall(raw)) - broken
    if codec == "utf-8" or sound > 4 * broken:
        return text, problems + more
    guess = _guess(raw)
    text, more = _decoded(raw, guess, source_id)
    said = f"{source_id}: is not UTF-8 and names no encoding; guessed {guess}"
    return text, [*problems, f"{said} (save it as UTF-8 if letters look wrong)", *more]


def declared_charset(raw: bytes) -> str:
    """The encoding that the head of an HTML or XML file names, '' where it names none.

    >>> declared_charset(b'<meta http-equiv="x" content="text/html; charset=koi8-r">')
    'koi8-r'
    """
    found = _DECLARED.search(raw[:4096])
    if not found:
        return ""
    name = (found[1] or found[2]).decode("ascii", "replace")
    # it was read as ASCII, so it cannot be: HTML asks to take it for UTF-8
    return "utf-8" if name.lower().startswith(("utf-16", "utf-32")) else name


def _codec(name: str) -> str:
    """Python's name of a text encoding, '' for none and for what is not one."""
    if not name:
        return ""
    try:
        found = codecs.lookup(name.strip()).name
        b"x".decode(found, "ignore")  # refuses codecs that are no text encodings, such as 'zip'
    except (LookupError, ValueError):
        return ""
    return "" if found in _NO_ENCODING else _READ_AS.get(found, found)


def _strictly(raw: bytes, encoding: str) -> str:
    """The text, '' where a byte does not fit."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _decoded(raw: bytes, encoding: str, source_id: str) -> tuple[str, list[str]]:
    """The text with what does not fit replaced, counted and said."""
    text = _strictly(raw, encoding)
    if text or not raw:
        return text, []
    if encoding == "utf-8":
        # one sign for each byte, so that the number said is the number of broken bytes
        text, broken = _ESCAPED.subn("\ufffd", raw.decode("utf-8", "surrogateescape"))
    else:
        text = raw.decode(encoding, "replace")
        broken = text.count("\ufffd")
    line = text.count("\n", 0, text.find("\ufffd")) + 1
    return text, [
        f"{source_id}: {broken} {'byte is' if broken == 1 else 'bytes are'} not valid {encoding}, "
        f"the first in line {line}; replaced by U+FFFD"
    ]


def _with_zero_bytes(raw: bytes, source_id: str) -> tuple[str, list[str]]:
    """UTF-16 and UTF-32 without a mark; anything else with zero bytes is no text."""
    if not len(raw) % 4:
        for encoding in ("utf-32-le", "utf-32-be"):
            text = _strictly(raw, encoding)  # all but proof: one number in 4,000 is a character
            if text and _printable(text):
                return text, [_unmarked(source_id, encoding)]
    if not len(raw) % 2:
        even, odd = raw[::2].count(0), raw[1::2].count(0)
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        text = _strictly(raw, encoding) if min(even, odd) * 50 <= max(even, odd) else ""
        if text and max(even, odd) * 20 >= len(text) and _printable(text):
            return text, [_unmarked(source_id, encoding)]
    raise Unreadable(
        f"{source_id}: expected text, found {raw.count(0)} zero bytes, the first at byte "
        f"{raw.index(0) + 1}: a binary file; give it the suffix of its kind or leave it out"
    )


def _unmarked(source_id: str, encoding: str) -> str:
    return f"{source_id}: has no byte order mark; read as {encoding} by its zero bytes"


def _printable(text: str) -> bool:
    """Whether a sample has no control characters but those of text."""
    return not any(
        (sign < " " and sign not in "\t\n\v\f\r\x1b") or "\ue000" <= sign <= "\uf8ff"
        for sign in text[:_WINDOW]
    )


def _refuse_binary(raw: bytes, source_id: str) -> None:
    sample = raw[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls * 20 > len(sample):
        raise Unreadable(
            f"{source_id}: expected text, found {controls} control characters in the first "
            f"{len(sample)} bytes: a binary file; give it the suffix of its kind or leave it out"
        )


def _guess(raw: bytes) -> str:
    """The likeliest legacy encoding by the stretches that are not ASCII."""
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise UsageError(
            "guessing the encoding of a file needs charset-normalizer: "
            "pip install 'assay[documents]'"
        ) from error
    found = from_bytes(_sample(raw), cp_isolation=list(_GUESSABLE), preemptive_behaviour=False)
    best, encoding = (1.0, 0.0, 0), _GUESSABLE[0]
    for match in found:
        names = [name for name in _GUESSABLE if name in match.could_be_from_charset]
        if names:
            rank = (round(match.chaos, 2), -match.coherence, _GUESSABLE.index(names[0]))
            if rank < best:
                best, encoding = rank, names[0]
    return encoding


def _sample(raw: bytes) -> bytes:
    """Up to 32 KB of lines, or pieces of very long ones, that have bytes above 127."""
    pieces: list[bytes] = []
    position, size = 0, 0
    while size < _SAMPLE and (found := _NOT_ASCII.search(raw, position)):
        start = max(position, raw.rfind(b"\n", max(0, found.start() - 200), found.start()) + 1)
        start = max(start, found.start() - 200)
        line_end = raw.find(b"\n", found.start(), start + _WINDOW)
        position = line_end + 1 if line_end >= 0 else start + _WINDOW
        pieces.append(raw[start:position])
        size += len(pieces[-1])
    return b"".join(pieces)
