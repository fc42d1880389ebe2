"""The part of the conformance kit for indexes that harms files: damage is told, never passed on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypeVar

import numpy as np

from assay.corpora.indexes.index import Found
from assay.pipeline.errors import CorpusError
from tests.conformance.index_subject import (
    History,
    IndexSubject,
    contents,
    filled,
    none,
    opened,
    queries,
    right,
    same,
)
from tests.conformance.subject import SEED

Item = TypeVar("Item")
Asked = TypeVar("Asked")


def damage_is_told(subject: IndexSubject[Item, Asked], folder: Path) -> None:
    """A file cut short, emptied, altered or missing: ``CorpusError`` or what was right before."""
    rng, history = filled(subject, folder)
    asked = queries(subject, rng)
    with opened(history) as searcher:
        answers = [searcher.search(one, 5) for one in asked]
    whole = contents(history.folder)
    for name, data in whole.items():
        for what, harmed in _harms(data).items():
            place = folder / "harmed"
            shutil.copytree(history.folder, place)
            if harmed is None:
                (place / name).unlink()
            else:
                (place / name).write_bytes(harmed)
            told = f"{subject.name}: {name} {what}"
            _told_or_right(subject, place, asked, answers, told)
            _told_by_update(history, place, asked, told)
            shutil.rmtree(place)


def _harms(data: bytes) -> dict[str, bytes | None]:
    harms: dict[str, bytes | None] = {"missing": None}
    if data:
        harms["emptied"] = b""
        harms["without its last byte"] = data[:-1]
        harms["cut in half"] = data[: len(data) // 2]
        for share in (1, 2, 3):
            place = len(data) * share // 4
            other = bytes([data[place] ^ 1])
            harms[f"altered at byte {place}"] = data[:place] + other + data[place + 1 :]
    return harms


def _told_or_right(
    subject: IndexSubject[Item, Asked],
    place: Path,
    asked: list[Asked],
    answers: list[Found],
    what: str,
) -> None:
    try:
        searcher = subject.make().open(place)
        found = [searcher.search(one, 5) for one in asked]
        searcher.close()
    except CorpusError:
        return
    except Exception as error:
        raise AssertionError(
            f"{what}: expected CorpusError, it raised {type(error).__name__}: {error}"
        ) from error
    for one, answer in zip(found, answers, strict=True):
        same(one, answer, what)


def _told_by_update(
    history: History[Item, Asked], place: Path, asked: list[Asked], what: str
) -> None:
    """The next folder is not written from a damaged one, or nothing of the damage is in it."""
    subject = history.subject
    more = subject.items(np.random.default_rng(SEED), 3, start=history.highest)
    new = place.with_name("next")
    new.mkdir()
    try:
        if subject.make().update(place, new, added=iter(more), removed=none()):
            searcher = subject.make().open(new)
            live = {**history.live, **dict(more)}
            for one in asked:
                expected = subject.scores(live, history.gone, one)
                if searcher.exact:
                    right(searcher.search(one, 5), expected, 5, subject.tolerance, what)
            searcher.close()
    except CorpusError:
        pass
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{what}, then updated: expected CorpusError, it raised {type(error).__name__}: {error}"
        ) from error
    finally:
        shutil.rmtree(new)
