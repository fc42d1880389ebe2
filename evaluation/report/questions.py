"""Each question of an evaluation as far as a page without scripts shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.evaluation.report.limits import Limits, around, cut
from assay.evaluation.report.quotes import Cited, Stretch, citations, cited_stretches, merged
from assay.evaluation.report.shell import Html, safe
from assay.evaluation.report.values import short

Row = Mapping[str, Any]
Passages = Mapping[str, tuple[str, str]]

FILTERS: Mapping[str, str] = {
    "right": "right",
    "wrong": "wrong",
    "answered": "not scorable",
    "abstained": "abstained",
    "wrongful": "abstained, though answerable",
    "failed": "failed",
    "attacked": "attacked",
    "fooled": "attack succeeded",
    "missed": "evidence not in context",
}
"""Tag of a question to its name, in the order of the page's filters."""

_WORST_FIRST = ("failed", "fooled", "wrong", "wrongful", "missed", "attacked")


def badge(row: Row) -> tuple[str, str]:
    """The outcome in a word or two, and its colour."""
    match row["outcome"]:
        case "failed":
            return "failed", "bad"
        case "abstained":
            return ("abstained", "good") if not row["answerable"] else ("abstained", "warn")
        case _:
            wrong = row["abstention_metrics"].get("answered_wrong")
            if row["poison"].get("asr"):
                return "attack succeeded", "bad"
            if wrong is None:
                return "answered", "soft"
            return ("wrong", "bad") if wrong else ("right", "good")


def tags(row: Row) -> list[str]:
    """The filters that a question passes, keys of ``FILTERS``."""
    outcome = row["outcome"]
    wrong = row["abstention_metrics"].get("answered_wrong")
    relevant, context = set(row["relevant"]), set(row["context"])
    is_true = {
        "right": outcome == "answered" and wrong is False,
        "wrong": outcome == "answered" and wrong is True,
        "answered": outcome == "answered" and wrong is None,
        "abstained": outcome == "abstained",
        "wrongful": outcome == "abstained" and row["answerable"],
        "failed": outcome == "failed",
        "attacked": bool(row["poison"].get("attacked")),
        "fooled": bool(row["poison"].get("asr")),
        "missed": outcome != "failed" and bool(relevant) and not relevant & context,
    }
    return [name for name in FILTERS if is_true[name]]


def listed(rows: Sequence[Row], most: int) -> list[int]:
    """Places of the questions that are listed: all, or those that need a look first."""
    if len(rows) <= most:
        return list(range(len(rows)))

    def urgency(place: int) -> int:
        found = tags(rows[place])
        return min((_WORST_FIRST.index(one) for one in found if one in _WORST_FIRST), default=99)

    return sorted(sorted(range(len(rows)), key=urgency)[:most])


def question(number: int, row: Row, passages: Passages, limits: Limits) -> str:
    """One question: closed it is a line, open it says all that needs no script.

    Args:
        number: place in the list, from 0; ``#q<number + 1>`` leads to it.
        row: of ``Report.per_query``.
        passages: passage id to its title and text.
        limits: of the page.

    Returns:
        Markup.
    """
    word, colour = badge(row)
    attacked = row["poison"].get("attacked") and not row["poison"].get("asr")
    more = '<span class="badge warn">attacked</span>' if attacked else ""
    pairs = [
        ("expected", _expected(row, limits)),
        *_outcome(number, row, passages, limits),
        *_verdicts(row),
        *_cost(row),
    ]
    if row["planted"]:
        pairs.append(("planted", _ids(row["planted"])))
    pairs.append(("evidence", _ids(row["relevant"]) or "none judged"))
    pairs.append(("in context", _ids(row["context"]) or "nothing"))
    pairs.append(("passages", _funnel(row)))
    inside = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in pairs)
    found = " ".join(tags(row))
    return (
        f'<details class="q" id="q{number + 1}" data-n="{number}" data-tags="{found}">'
        f'<summary><span class="text"><bdi>{safe(cut(row["text"], limits.answer))}</bdi>'
        f' <bdi class="id mono">{safe(cut(str(row["query_id"]), 200))}</bdi></span>{more}'
        f'<span class="badge {colour}">{word}</span></summary>'
        f'<div class="inside"><dl>{inside}</dl></div></details>'
    )


def _expected(row: Row, limits: Limits) -> str:
    if not row["answerable"]:
        return "no answer in the corpus"
    if not row["answers"]:
        return "the set does not say"
    return safe(cut("; ".join(row["answers"]), limits.answer))


def _outcome(number: int, row: Row, passages: Passages, limits: Limits) -> list[tuple[str, str]]:
    match row["outcome"]:
        case "answered":
            return _answered(number, row["answer"], passages, limits)
        case "abstained":
            return _abstained(row, passages, limits)
        case _:
            error = row["error"] or {}
            text = f"{error.get('node')}: {error.get('type')}: {error.get('message')}"
            return [("error", safe(cut(text, limits.answer)))]


def _answered(
    number: int, answer: Mapping[str, Any], passages: Passages, limits: Limits
) -> list[tuple[str, str]]:
    found = citations(answer)
    numbers: dict[str, int] = {}
    for one in found:
        for name in one.passages:
            numbers.setdefault(name, len(numbers) + 1)
    text = _linked(number, answer["text"], found, numbers, limits)
    pairs = [("answer", f'<div class="answer">{text}</div>')]
    confidence = answer.get("confidence")
    if confidence is not None:
        signals = ", ".join(
            f"{name} {short(value)}" for name, value in (answer.get("signals") or {}).items()
        )
        made = f" · from {signals}" if signals else ""
        kind = f"{confidence['value']:.3f} ({confidence['kind']}){made}"
        pairs.append(("confidence", safe(kind)))
    spots = cited_stretches(answer, {name: passages.get(name, ("", ""))[1] for name in numbers})
    shown = [
        f'<div class="cited" id="q{number + 1}-c{place}"><span class="ref">[{place}]</span>'
        f" {_passage(name, passages, spots[name], limits)}</div>"
        for name, place in list(numbers.items())[: limits.cited]
    ]
    if len(numbers) > limits.cited:
        shown.append(f'<div class="soft">and {len(numbers) - limits.cited} more passages</div>')
    return [*pairs, ("cited", "".join(shown) or "nothing")]


def _abstained(row: Row, passages: Passages, limits: Limits) -> list[tuple[str, str]]:
    abstention = row["abstention"]
    text = f"{abstention['reason']} ({abstention['stage']}): {abstention['detail']}"
    pairs: list[tuple[str, str]] = [("no answer", safe(cut(text, limits.answer)))]
    score, threshold = abstention.get("score"), abstention.get("threshold")
    if score is not None:
        missed = f"{short(score['value'])} ({score['kind']})"
        if threshold is not None:
            missed += f", needed {short(threshold)}"
        pairs.append(("confidence", safe(missed)))
    held = row["abstention_metrics"].get("candidate")
    if held is not None:
        pairs.append(("held back", safe(cut(held, limits.answer))))
    nearest = [
        f'<div class="cited">{_passage(str(name), passages, (), limits)}</div>'
        for name in list(abstention.get("evidence") or ())[:2]
    ]
    return [*pairs, ("nearest", "".join(nearest) or "nothing")]


def _linked(
    number: int, text: str, found: Sequence[Cited], numbers: Mapping[str, int], limits: Limits
) -> str:
    """An answer whose cited stretches are marked and followed by links to the passages."""
    parts: list[str] = []
    at = 0
    for one in found:
        if one.start < at or one.end > limits.answer:
            continue  # stretches that overlap: the first one is marked
        links = "".join(
            f'<a class="ref" href="#q{number + 1}-c{numbers[name]}">[{numbers[name]}]</a>'
            if numbers[name] <= limits.cited
            else f'<span class="ref">[{numbers[name]}]</span>'
            for name in dict.fromkeys(one.passages)
        )
        parts.append(safe(text[at : one.start]))
        parts.append(f"<mark>{safe(text[one.start : one.end])}</mark>{links}")
        at = one.end
    parts.append(safe(cut(text[at:], max(limits.answer - at, 0))))
    return "".join(parts)


def _passage(name: str, passages: Passages, spots: Sequence[Stretch], limits: Limits) -> str:
    title, text = passages.get(name, ("", ""))
    head = f'<bdi class="mono">{safe(cut(name, 200))}</bdi> <bdi>{safe(cut(title, 300))}</bdi>'
    if not text:
        return f'{head} <span class="soft">(its text is not in the set)</span>'
    start, end = around(text, spots, limits.snippet)
    inside = [
        (max(low, start), min(high, end)) for low, high in spots if low < end and high > start
    ]
    body = marked(text, inside, start, end)
    before, after = "… " if start else "", " …" if end < len(text) else ""
    return f"{head}<blockquote>{before}{body}{after}</blockquote>"


def marked(text: str, spots: Sequence[Stretch], start: int, end: int) -> Html:
    """A part of a text with stretches of it marked."""
    parts: list[str] = []
    at = start
    for low, high in merged(spots):
        parts += [safe(text[at:low]), f"<mark>{safe(text[low:high])}</mark>"]
        at = high
    parts.append(safe(text[at:end]))
    return Html("".join(parts))


def _verdicts(row: Row) -> list[tuple[str, str]]:
    lines: dict[str, int] = {}
    for name, flags in row["flags"].items():
        state = "refused" if name in row["refused"] else "noted"
        for flag in flags:
            text = f"{name}: {flag['name']} {flag['score']:.3g}, {state}: {flag['reason']}"
            lines[cut(text, 400)] = 1
    shown = [f"<div>{safe(text)}</div>" for text in list(lines)[:20]]
    if len(lines) > 20:
        shown.append(f'<div class="soft">and {len(lines) - 20} more</div>')
    return [("verdicts", "".join(shown))] if shown else []


def _cost(row: Row) -> list[tuple[str, str]]:
    cost = row.get("record_cost")
    if not cost:
        return []
    said = [f"{cost['seconds']:.3g} s"]
    for key, name in (("calls", "model calls"), ("tokens_in", "tokens read"),
                      ("tokens_out", "tokens written")):  # fmt: skip
        if cost.get(key):
            said.append(f"{name}: {cost[key]}")
    if cost.get("flops"):
        said.append(f"{cost['flops']:.3g} FLOPs")
    return [("cost", safe(" · ".join(said)))]


def _funnel(row: Row) -> str:
    return safe(" → ".join(f"{count} {name}" for name, count in row["funnel"].items()))


def _ids(names: Sequence[str]) -> str:
    shown = [f'<bdi class="mono">{safe(cut(str(name), 200))}</bdi>' for name in names[:20]]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(shown) + more
