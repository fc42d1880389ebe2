"""Where two records of the same query part: the first node whose stage differs."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.pipeline.errors import DataError

OUTCOME = "outcome"
"""Named as the node where every stage is equal and the outcome is not."""

SHOWN = 5
"""Most passages, verdicts or words that one line names."""

WIDTH = 160
"""Most characters that are shown of one value."""

IGNORED = frozenset({"seconds"})
"""Keys of a stage that say how long it took, not what came out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two records differ.

    Args:
        node: the node's name, or ``OUTCOME``.
        lines: what differs, one statement a line, the old value first.
    """

    node: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Node and lines by name."""
        return {"node": self.node, "lines": list(self.lines)}


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], order: Sequence[str]
) -> Difference | None:
    """The first node, in the order of the plan, at which two run records differ.

    Compared is what nodes put out (texts, passages and their scores, what was kept
    and dropped, verdicts, answers, abstentions, notes) and how the run ended;
    numbers must be equal to the last bit. Seconds, costs and fingerprints are not
    compared. A record of a failed run holds no stage after the failure: what is
    missing there is no difference, the failure is.

    Args:
        old: a record as ``RunRecord.to_json`` makes it; ``check_record`` holds.
        new: another one.
        order: names of the nodes, each after what feeds it.

    Returns:
        The difference, None if there is none.

    >>> found = {"passages": [{"id": "a", "score": 1.0, "kind": "bm25"}]}
    >>> less = {"passages": []}
    >>> compare({"stages": {"f": found}}, {"stages": {"f": less}}, ["f"])
    Difference(node='f', lines=('passages removed: a',))
    """
    failed = [record.get("error") or {} for record in (old, new)]
    for name in order:
        here = [error if error.get("node") == name else None for error in failed]
        if here[0] != here[1]:
            return Difference(name, (_failure(here[0], here[1]),))
        before, now = old["stages"].get(name), new["stages"].get(name)
        if (before is None and failed[0]) or (now is None and failed[1]):
            continue
        if (before is None) != (now is None):
            ran = "before and not now" if now is None else "now and not before"
            return Difference(name, (f"it ran {ran}", *_ends(old, new)))
        lines = tuple(_stage(before or {}, now or {}))
        if lines:
            return Difference(name, lines)
    lines = _ends(old, new)
    return Difference(OUTCOME, lines) if lines else None


def _ends(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """How the run ended, where that differs."""
    keys = ("outcome", "answer", "abstention", "error")
    before, now = ({key: one[key] for key in keys if key in one} for one in (old, new))
    return tuple(_stage(before, now))


def _failure(old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> str:
    before, now = (
        f"failed with {one.get('type')}: {one.get('message')}" if one else "did not fail"
        for one in (old, new)
    )
    return f"before: {before}; now: {now}"


# -- one stage --------------------------------------------------------------


def _stage(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Every difference of two stages, part by part, in the order of ``PARTS``."""
    keys = [key for key in (*PARTS, *old, *new) if key in old or key in new]
    for key in dict.fromkeys(keys):
        before, now = _timeless(old.get(key)), _timeless(new.get(key))
        if key in IGNORED or before == now:
            continue
        told = key in PARTS and before is not None and now is not None
        yield from (PARTS[key](before, now) if told else ()) or [_change(key, before, now)]


def _timeless(value: Any) -> Any:
    """The value without what ``IGNORED`` names, at any depth."""
    match value:
        case dict():
            return {key: _timeless(one) for key, one in value.items() if key not in IGNORED}
        case list():
            return [_timeless(one) for one in value]
        case _:
            return value


def _passages(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _ids("passages", [one["id"] for one in old], [one["id"] for one in new])
    pairs = _pairs(old, new)
    changed = [(a["id"], a["score"], b["score"]) for a, b in pairs if a["score"] != b["score"]]
    if changed:
        name, was, now = max(changed, key=lambda one: abs(one[2] - one[1]))
        lines.append(
            f"scores: {len(changed)} of {len(new)} differ, by {abs(now - was):.3g} at most"
            f" ({name}: {was:.6g} -> {now:.6g})"
        )
    kinds = {(str(a.get("kind")), str(b.get("kind"))) for a, b in pairs}
    lines += [f"kind of score: {was} -> {now}" for was, now in sorted(kinds) if was != now]
    return lines


def _kept(old: Sequence[str], new: Sequence[str]) -> list[str]:
    return _ids("kept", old, new)


def _dropped(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _ids("dropped", [one["id"] for one in old], [one["id"] for one in new])
    changed = [
        _change(a["id"], a["reason"], b["reason"])
        for a, b in _pairs(old, new)
        if a["reason"] != b["reason"]
    ]
    return lines + ([f"dropped for another reason: {_few(changed)}"] if changed else [])


def _verdicts(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _ids("verdicts on", [one["id"] for one in old], [one["id"] for one in new])
    changed = [
        _change(a["id"], _flags(a), _flags(b))
        for a, b in _pairs(old, new)
        if a["flags"] != b["flags"]
    ]
    return lines + ([f"verdicts: {_few(changed)}"] if changed else [])


def _flags(verdict: Mapping[str, Any]) -> str:
    parts = ("name", "score", "p_value", "reason")
    return (
        "; ".join(
            " ".join(str(flag[part]) for part in parts if flag.get(part) is not None)
            for flag in verdict["flags"]
        )
        or "no flag"
    )


def _pairs(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Entries of the same id, in the order of ``new``."""
    before = {one["id"]: one for one in old}
    return [(before[one["id"]], one) for one in new if one["id"] in before]


def _fields(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]]:
    def lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        return [
            _change(f"{name} {key}", old.get(key), new.get(key))
            for key in dict.fromkeys((*old, *new))
            if old.get(key) != new.get(key)
        ]

    return lines


PARTS: Mapping[str, Callable[[Any, Any], list[str]]] = {
    "passages": _passages,
    "kept": _kept,
    "dropped": _dropped,
    "verdicts": _verdicts,
    "answer": _fields("answer"),
    "abstention": _fields("abstention"),
    "notes": _fields("note"),
}
"""Parts of a stage that have words of their own; told first, in this order."""


# -- lists of ids -----------------------------------------------------------


def _ids(name: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    added = [one for one in new if one not in old]
    removed = [one for one in old if one not in new]
    places = [f"{one} {old.index(one) + 1} -> {new.index(one) + 1}" for one in moved(old, new)]
    return [
        f"{name} {what}: {_few(them)}"
        for what, them in (("added", added), ("removed", removed), ("moved", places))
        if them
    ]


def moved(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The fewest ids that changed their place among those that both lists hold.

    The others stand in a longest common order: a longest increasing subsequence
    of the old places, by patience sorting (Fredman 1975), n log n.

    Args:
        old: ids, each once.
        new: ids, each once.

    Returns:
        The ids, in the order of ``new``.

    >>> moved(["a", "b", "c", "d"], ["d", "a", "b", "x", "c"])
    ('d',)
    """
    place = {one: number for number, one in enumerate(old)}
    common = [one for one in new if one in place]
    ends: list[int] = []
    lengths = []
    for one in common:
        length = bisect_left(ends, place[one])
        ends[length : length + 1] = [place[one]]
        lengths.append(length)
    stay, wanted = set(), len(ends) - 1
    for one, length in zip(reversed(common), reversed(lengths), strict=True):
        if length == wanted:
            stay.add(one)
            wanted -= 1
    return tuple(one for one in common if one not in stay)


def _few(items: Sequence[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _change(name: str, old: object, new: object) -> str:
    return f"{name}: {_short(old)} -> {_short(new)}"


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 4]} ..."


# -- what a record must look like -------------------------------------------


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Hit(_Open):
    id: str
    score: float


class _Dropped(_Open):
    id: str
    reason: str


class _Flag(_Open):
    name: str


class _Verdict(_Open):
    id: str
    flags: list[_Flag]


class _Stage(_Open):
    passages: list[_Hit] = []
    kept: list[str] = []
    dropped: list[_Dropped] = []
    verdicts: list[_Verdict] = []
    answer: dict[str, Any] = {}
    abstention: dict[str, Any] = {}
    notes: dict[str, Any] = {}


class _Record(_Open):
    query_id: str
    text: str = Field(min_length=1)
    outcome: Literal["answered", "abstained", "failed"]
    stages: dict[str, _Stage]
    pipeline: str
    seed: int
    answer: dict[str, Any] = {}
    abstention: dict[str, Any] = {}
    error: dict[str, str] = {}


def check_record(value: object, place: str) -> dict[str, Any]:
    """The value, if it has the shape of a run record.

    Args:
        value: what stands in the file, parsed.
        place: file and line, for the error.

    Raises:
        DataError: naming the first field that is missing or of a wrong type.
    """
    if not isinstance(value, dict):
        raise DataError(
            f"{place} is no run record: expected a JSON object, found {type(value).__name__}"
        )
    try:
        _Record.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{place} is no run record: '{field}': {first['msg']};"
            " give a file that 'assay run --out' or 'assay ask --trace' wrote"
        ) from error
    return value
