"""Which labelled question serves which purpose: tune, certify or report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from assay.pipeline.errors import DataError, UsageError

Fold = Literal["tune", "certify", "report"]
Stratum = Literal["answerable", "unanswerable", "poisoned"]
FOLDS: tuple[Fold, ...] = get_args(Fold)
STRATA: tuple[Stratum, ...] = get_args(Stratum)


@dataclass(frozen=True, slots=True)
class CalibrationItem:
    """A labelled question, without its text.

    Args:
        id: unique; the log of attempts knows a question by it, so a new question
            needs a new id.
        stratum: what the question is.
        cluster: questions that share fate share this (one source, one template).
        documents: ids of the documents that the question was written from.
        content: digest of text and labels, so that the data's fingerprint covers
            them.
        fold: where whoever labelled the data put it; None leaves it to ``split``.
        judged: whether a model judged it, not a person.
    """

    id: str
    stratum: Stratum
    cluster: str
    documents: tuple[str, ...] = ()
    content: str = ""
    fold: Fold | None = None
    judged: bool = False

    def __post_init__(self) -> None:
        if not self.id or not self.cluster:
            raise DataError(
                f"question {self.id!r} has cluster {self.cluster!r}: both must be given;"
                " a question that shares fate with no other is its own cluster"
            )
        if self.stratum not in STRATA:
            raise DataError(
                f"question '{self.id}' has stratum {self.stratum!r}; expected one of"
                f" {', '.join(STRATA)}"
            )
        if self.fold is not None and self.fold not in FOLDS:
            raise DataError(
                f"question '{self.id}' has fold {self.fold!r}; expected one of {', '.join(FOLDS)},"
                " or none at all"
            )


@dataclass(frozen=True, slots=True)
class Shares:
    """How large the folds are; they sum to 1.

    Args:
        tune: share for grids, the path and fitted calibrators.
        certify: share for the test, looked at once.
        report: share that calibration never touches, for honest figures.
    """

    tune: float = 1 / 3
    certify: float = 2 / 3
    report: float = 0.0

    def __post_init__(self) -> None:
        sizes = (self.tune, self.certify, self.report)
        if min(sizes) < 0 or abs(sum(sizes) - 1) > 1e-9 or not self.tune or not self.certify:
            raise UsageError(f"the folds' shares must sum to 1, found {sizes}")


def split(
    items: Sequence[CalibrationItem], *, seed: int, shares: Shares | None = None
) -> dict[Fold, tuple[CalibrationItem, ...]]:
    """Cut labelled questions into folds that share no cluster and no document.

    A question that names its fold goes there. Of the others, those that share a
    cluster or a document, directly or through others, form a unit. A unit's fold
    depends on nothing but the seed and the unit's first name in alphabetical order,
    so a question stays where it is when unrelated questions are added. Folds are
    therefore only about as large as ``shares`` says.

    Args:
        items: labelled questions; ids must be unique.
        seed: another seed gives another cut.
        shares: sizes of the folds; a third tunes and two thirds certify if None.

    Returns:
        The folds, each in order of id.

    Raises:
        DataError: if an id occurs twice, or named folds share a cluster or document.
    """
    shares = shares or Shares()
    check_unique(items)
    units = _units(one for one in items if one.fold is None)
    folds: dict[Fold, list[CalibrationItem]] = {fold: [] for fold in FOLDS}
    for item in sorted(items, key=lambda one: one.id):
        fold = item.fold or _dealt(_uniform(seed, units[_cluster(item)]), shares)
        folds[fold].append(item)
    result = {fold: tuple(members) for fold, members in folds.items()}
    check_disjoint(result)
    return result


def _dealt(place: float, shares: Shares) -> Fold:
    """The fold of a unit whose hash lies at ``place`` in [0, 1)."""
    sizes = {"tune": shares.tune, "certify": shares.certify, "report": shares.report}
    used = [fold for fold in FOLDS if sizes[fold] > 0]
    end = 0.0
    for fold in used:
        end += sizes[fold]
        if place < end:
            return fold
    return used[-1]


def check_unique(items: Iterable[CalibrationItem]) -> None:
    """Refuse ids that occur twice.

    Raises:
        DataError: naming the first such id.
    """
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"question id '{item.id}' occurs twice: ids must be unique")
        seen.add(item.id)


def check_disjoint(folds: Mapping[Fold, Sequence[CalibrationItem]]) -> None:
    """Refuse folds that share a question, a cluster or a document.

    Raises:
        DataError: naming the two folds and what they share.
    """
    owners: dict[tuple[str, str], str] = {}
    for fold, items in folds.items():
        for item in items:
            names = [("question", item.id), ("cluster", item.cluster)]
            names += [("document", document) for document in item.documents]
            for kind, name in names:
                owner = owners.setdefault((kind, name), fold)
                if owner != fold:
                    raise DataError(
                        f"{kind} '{name}' is in fold '{owner}' and in fold '{fold}' (question"
                        f" '{item.id}'): put both into one fold, or let assay cut the folds"
                    )


def one_per_cluster(items: Sequence[CalibrationItem], *, seed: int) -> tuple[CalibrationItem, ...]:
    """One question of each cluster, in order of id.

    Of a cluster's questions the one of the rarest stratum is picked, since each
    stratum needs numbers of its own; among those, by hash. Neither looks at an
    outcome. The binomial test assumes that questions are independent draws. Questions of
    one cluster are not: with five to a cluster and correlation 0.5, testing
    them all certifies falsely in 24 % of worlds at delta 10 %. What is assumed
    here is that clusters are independent of each other; the guarantee is then
    about a question drawn by first drawing a cluster. Finding the clusters is
    the duty of whoever labels the data.
    """
    common = Counter(item.stratum for item in items)
    picked: dict[str, CalibrationItem] = {}
    for item in sorted(items, key=lambda one: (common[one.stratum], _rank(seed, one.id), one.id)):
        picked.setdefault(item.cluster, item)
    return tuple(sorted(picked.values(), key=lambda one: one.id))


def _units(items: Iterable[CalibrationItem]) -> dict[str, str]:
    """Union-find over cluster and document names: each name to its unit's first name."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for item in items:
        for name in (_cluster(item), *(f"document:{one}" for one in item.documents)):
            first, second = sorted((root(_cluster(item)), root(name)))
            parent[second] = first
    return {name: root(name) for name in parent}


def _cluster(item: CalibrationItem) -> str:
    return f"cluster:{item.cluster}"


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"pick|{seed}|{name}".encode()).hexdigest()


def _uniform(seed: int, unit: str) -> float:
    value = hashlib.sha256(f"fold|{seed}|{unit}".encode()).digest()
    return int.from_bytes(value[:8], "big") / 2**64
