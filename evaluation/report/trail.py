"""The way of every passage through a pipeline, as data for the page's script.

Passages, node names and reasons stand once; questions refer to them by number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.evaluation.report.limits import Limits
from assay.evaluation.report.questions import Passages, Row
from assay.evaluation.report.quotes import Stretch, cited_stretches
from assay.evaluation.report.shell import plain

CITED, CONTEXT, EVIDENCE, PLANTED, REFUSED = 1, 2, 4, 8, 16
"""What a passage is to a question, one bit each; ``page.js`` has the same numbers."""

LONGEST = 400
"""Letters of a reason."""

ELSEWHERE = "for a reason that stands in the run record; it would make this page too large"


class Trails:
    """Collects the ways of all questions' passages.

    Args:
        passages: passage id to its title and text.
        limits: of the page.
    """

    def __init__(self, passages: Passages, limits: Limits) -> None:
        self._passages = passages
        self._limits = limits
        self._names = _Numbers()
        self._nodes = _Numbers()
        self._reasons = _Reasons(limits.reasons)
        self._rank: dict[str, int] = {}
        self._questions: dict[str, Any] = {}

    def add(self, number: int, row: Row) -> None:
        """Take in one question.

        Args:
            number: its place in the list.
            row: of ``Report.per_query``.
        """
        ways: dict[str, list[list[Any]]] = {}
        heads = []
        told = _Told()
        for node, entry in row.get("stages", {}).items():
            place = self._nodes[node]
            heads.append(self._head(place, entry))
            if "kept" in entry:
                self._chosen(place, entry, ways, told)
            else:
                for rank, one in enumerate(entry.get("passages", ()), 1):
                    if rank <= self._limits.ranked or one["id"] in ways:
                        way = ways.setdefault(one["id"], [])
                        way.append([place, "r", rank, _score(one["score"])])
        answer = row["answer"] if row["outcome"] == "answered" else None
        spots = self._spots(answer)
        roles = _roles(row, spots)
        for name in roles:
            ways.setdefault(name, [])
        sought = [
            self._sought(place, one, ways)
            for place, one in list(told.looked.values())[: self._limits.rationales]
        ]
        shown = [
            [
                self._names[name],
                roles.get(name, 0),
                way,
                self._flags(row, name),
                spots.get(name, []),
            ]
            for name, way in ways.items()
        ]
        for name, way in ways.items():
            decided = any(step[1] != "r" for step in way)
            rank = 0 if name in roles else 1 if decided else 2
            self._rank[name] = min(rank, self._rank.get(name, 2))
        by_node = (row.get("record_cost") or {}).get("by_node", {})
        seconds = [
            [self._nodes[node], _score(cost.get("seconds", 0.0)), cost.get("calls", 0)]
            for node, cost in by_node.items()
        ]
        found: dict[str, Any] = {"h": heads, "p": shown, "s": seconds}
        if sought:
            found |= {"l": sought, "m": len(told.looked) - len(sought) + told.unseen}
        self._questions[str(number)] = found

    def to_json(self) -> dict[str, Any]:
        """Everything, with the passages' texts as far as the limits allow."""
        left = self._limits.texts
        texts: list[Any] = [None] * len(self._names)
        without = 0
        for name in sorted(self._names, key=lambda name: self._rank[name]):
            title, text = self._passages.get(name, ("", ""))
            most = self._limits.passage if self._rank[name] < 2 else self._limits.also_ran
            body = text[: min(most, max(left, 0))]
            left -= len(body.encode("utf-8", "replace"))
            without += bool(text) and not body
            # As many letters as were counted: marks are places in the text.
            texts[self._names[name]] = [
                plain(name[:200]), plain(title[:300]), plain(body), len(text) - len(body),
            ]  # fmt: skip
        return {
            "passages": texts,
            "nodes": [plain(one) for one in self._nodes],
            "reasons": [plain(one[:LONGEST]) for one in self._reasons],
            "questions": self._questions,
            "without": without,
        }

    def _head(self, place: int, entry: Mapping[str, Any]) -> list[Any]:
        """Node, passages put out, and for a selection passages dropped."""
        count = entry.get("n_passages", len(entry.get("passages", ())))
        if "kept" not in entry:
            return [place, count]
        kept = entry.get("n_kept", len(entry["kept"]))
        return [place, kept, entry.get("n_dropped", len(entry.get("dropped", ())))]

    def _chosen(
        self, place: int, entry: Mapping[str, Any], ways: dict[str, list[list[Any]]], told: _Told
    ) -> None:
        """Take in a selection; it hands on what those before it dropped and said."""
        reasons = entry.get("reasons", {})
        for name in entry["kept"]:
            step: list[Any] = [place, "k"]
            reason = reasons.get(name, "")
            if reason and told.reasons.get(name) != reason:
                step.append(self._reasons[reason])
                told.reasons[name] = reason
            ways.setdefault(name, []).append(step)
        for one in entry.get("dropped", ()):
            way = ways.setdefault(one["id"], [])
            if not any(step[1] == "d" for step in way):
                way.append([place, "d", self._reasons[one["reason"]]])
        rationales = entry.get("rationales", ())
        told.unseen = max(told.unseen, entry.get("n_rationales", len(rationales)) - len(rationales))
        for one in rationales:
            told.looked.setdefault(one["text"], (place, one))

    def _sought(
        self, place: int, rationale: Mapping[str, Any], ways: dict[str, list[list[Any]]]
    ) -> list[Any]:
        """Node, what it looked for, what would be suspicious, passages with scores, how many more.

        The passages are among ``ways`` afterwards.
        """
        chosen = rationale["chosen"][: self._limits.ranked]
        flag = rationale.get("flag", "")
        for name, _ in chosen:
            ways.setdefault(name, [])
        return [
            place,
            self._reasons[rationale["text"]],
            self._reasons[flag] if flag else None,
            [[self._names[name], _score(score)] for name, score in chosen],
            len(rationale["chosen"]) - len(chosen),
        ]

    def _spots(self, answer: Mapping[str, Any] | None) -> dict[str, list[Stretch]]:
        if answer is None:
            return {}
        cited = {str(name) for one in answer.get("citations") or () for name in one["passage_ids"]}
        texts = {name: self._passages.get(name, ("", ""))[1] for name in cited}
        return cited_stretches(answer, texts)

    def _flags(self, row: Row, name: str) -> list[int]:
        return [
            self._reasons[f"{flag['name']} {flag['score']:.3g}: {flag['reason']}"]
            for flag in row["flags"].get(name, ())
        ]


@dataclass
class _Told:
    """What the selections of one question said so far.

    Args:
        reasons: passage id to why it was kept, as said last.
        looked: text of a rationale to the node that gave it, and the rationale.
        unseen: rationales that the row does not hold.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    looked: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    unseen: int = 0


class _Numbers(dict[str, int]):
    """Texts numbered in the order in which they come."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


class _Reasons(_Numbers):
    """Reasons numbered; one that would be too many is told to stand elsewhere.

    Args:
        room: letters of all together.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self._left = room

    def __missing__(self, text: str) -> int:
        if text != ELSEWHERE:
            cut = text[:LONGEST]
            if self._left < len(cut):
                return self[ELSEWHERE]
            self._left -= len(cut)
        return super().__missing__(text)


def _roles(row: Row, cited: Mapping[str, Sequence[Stretch]]) -> dict[str, int]:
    roles: dict[str, int] = {}
    for bit, names in (
        (CITED, cited), (CONTEXT, row["context"]), (EVIDENCE, row["relevant"]),
        (PLANTED, row["planted"]), (REFUSED, row["refused"]),
    ):  # fmt: skip
        for name in names:
            roles[name] = roles.get(name, 0) | bit
    return roles


def _score(value: float) -> float:
    """Four digits are enough to read."""
    return float(f"{value:.4g}")
