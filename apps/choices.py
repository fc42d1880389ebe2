"""Which passages a run kept and dropped, and why, as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.apps.console import out
from assay.corpora.corpus import Corpus
from assay.pipeline import Pipeline, Query, RunRecord
from assay.pipeline.errors import UsageError

SHOWN = 3
"""Passages of each sort, and rationales, that are shown of a step unless all are asked for."""

WIDTH = 60
"""Characters of a title."""

Title = Callable[[str], str]
"""The title of a passage by id; '' where there is none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one step of a run made of the passages that came to it.

    Args:
        node: its name.
        kept: id and reason of each kept passage; only the new reasons.
        dropped: id and reason of each passage that was dropped here, not before.
        size: passages that it kept in all.
        rationales: what it looked for, each with the ids and scores that it chose; only the new.
    """

    node: str
    kept: tuple[tuple[str, str], ...]
    dropped: tuple[tuple[str, str], ...]
    size: int
    rationales: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]


def choices(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[Choice]:
    """The steps of a run that chose, in order.

    A step hands on what those before it dropped and said; here each thing is told once.

    Args:
        stages: of a run record.
    """
    gone: set[str] = set()
    said: dict[str, str] = {}
    looked: set[str] = set()
    for node, entry in stages.items():
        if "kept" not in entry:
            continue
        reasons = entry.get("reasons", {})
        kept = tuple(
            (name, reasons[name])
            for name in entry["kept"]
            if name in reasons and said.get(name) != reasons[name]
        )
        dropped = tuple(
            (one["id"], one["reason"]) for one in entry.get("dropped", ()) if one["id"] not in gone
        )
        rationales = tuple(
            (one["text"], tuple((name, float(score)) for name, score in one["chosen"]))
            for one in entry.get("rationales", ())
            if one["text"] not in looked
        )
        gone |= {name for name, _ in dropped}
        looked |= {text for text, _ in rationales}
        said.update(reasons)
        if kept or dropped or rationales:
            yield Choice(node, kept, dropped, len(entry["kept"]), rationales)


def show_choices(record: RunRecord, title: Title = lambda _: "", *, everything: bool) -> None:
    """Print what each step kept and dropped, and why.

    Args:
        record: of the run.
        title: tells what a passage is about, beside its id.
        everything: all passages; else the first of each sort, and how many more there are.
    """
    most = None if everything else SHOWN
    hidden = False
    for one in choices(record.stages):
        whole = one.size + len(one.dropped)
        out.print(f"{one.node}: kept {one.size} of {whole}", markup=False, style="dim bold")
        for text, chosen in one.rationales[:most]:
            names = ", ".join(f"{name} ({score:.2g})" for name, score in chosen[:most])
            more = _more(len(chosen), most)
            _line("looked for", f"{_plain(text)}: {names or 'found nowhere'}{more}")
        for word, passages in (("kept", one.kept), ("dropped", one.dropped)):
            for name, reason in passages[:most]:
                about = _plain(title(name))
                about = about if len(about) <= WIDTH else f"{about[:WIDTH]}…"
                _line(word, f"{_plain(name)}{f' ({about})' if about else ''}: {_plain(reason)}")
            if most is not None and len(passages) > most:
                _line("", f"and {len(passages) - most} more {word}")
                hidden = True
        hidden = hidden or (most is not None and len(one.rationales) > most)
    if hidden:
        out.print("--why shows all of them", markup=False, style="dim")


def title_in(pipeline: Pipeline, query: Query) -> Title:
    """Tells the titles of passages, from the pipeline's corpora.

    Args:
        pipeline: started.
        query: on whose behalf passages are read.
    """
    found = [one for one in pipeline.resources.values() if isinstance(one, Corpus)]

    def title(name: str) -> str:
        for corpus in found:
            try:
                return corpus.get([name], query)[0].title
            except UsageError:
                continue  # it comes from another corpus
        return ""

    return title


def _line(word: str, text: str) -> None:
    out.print(f"  {word:<10} {text}", markup=False, style="dim")


def _more(size: int, most: int | None) -> str:
    return f" and {size - most} more" if most is not None and size > most else ""


def _plain(text: str) -> str:
    """A text on one line, without what moves a terminal's cursor."""
    return "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))


def sizes(stages: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """How many passages were selected, and how many of them verified.

    Selected is what the last selector before the first verifier kept, verified what came out last.

    >>> sizes([{"kept": ["a", "b", "c"]}, {"kept": ["a", "b"]}, {"verdicts": []}, {"kept": ["a"]}])
    (2, 1)
    """
    checked = next((at for at, one in enumerate(stages) if "verdicts" in one), len(stages))
    kept = [len(one["kept"]) for one in stages if "kept" in one]
    before = [len(one["kept"]) for one in stages[:checked] if "kept" in one]
    return (before or kept or [0])[-1], (kept or [0])[-1]
