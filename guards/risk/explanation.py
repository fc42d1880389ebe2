"""A certificate in plain words, for whoever has to rely on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.guards.risk.beside import Files
from assay.guards.risk.binomial import clopper_pearson_lower, clopper_pearson_upper
from assay.guards.risk.schema import Certificate, RiskResult
from assay.guards.risk.statement import NOT_COVERED
from assay.pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Share:
    """Losses at one point of the path.

    Args:
        k: how often it happened.
        n: how often it could have.
        low: exact lower bound at the certificate's delta.
        high: exact upper bound.
    """

    k: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        """k of n; None of none."""
        return self.k / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the path, with what was seen there.

    Args:
        thresholds: threshold name to value.
        answered: share of the tune fold that is answered.
        tune: risk name to its losses on the tune fold.
        certify: the same on the certify fold; empty where the point is not certified.
    """

    thresholds: Mapping[str, float]
    answered: float
    tune: Mapping[str, Share]
    certify: Mapping[str, Share]


def points_of(certificate: Certificate, certificate_path: Path) -> tuple[Point, ...]:
    """The path with its figures; empty if no path was walked or its file is not there.

    Raises:
        DataError: if the file is not the path of this certificate.
    """
    file = Files(certificate_path).path
    if certificate.path_sha256 is None or not file.exists():
        return ()
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != certificate.path_sha256:
        raise DataError(f"{file.name} is not the path that certificate {certificate.id} walked")
    certified = {
        tuple(sorted((name, one.hex) for name, one in point.thresholds.items())): point.counts
        for point in certificate.certified_path
    }
    found = []
    for point in json.loads(data)["points"]:
        seen, key = point["tune"], tuple(sorted(point["thresholds"].items()))
        k, n = seen["coverage"]
        found.append(
            Point(
                {name: float.fromhex(value) for name, value in key},
                k / n if n else 0.0,
                _shares(seen["counts"], certificate.delta),
                _shares(certified.get(key, {}), certificate.delta),
            )
        )
    return tuple(found)


def _shares(counts: Mapping[str, Sequence[int]], delta: float) -> dict[str, Share]:
    return {
        name: Share(k, n, clopper_pearson_lower(k, n, delta), clopper_pearson_upper(k, n, delta))
        for name, (k, n) in counts.items()
    }


def binding(certificate: Certificate) -> RiskResult | None:
    """The risk that came closest to its limit at the chosen thresholds; None if none was tested.

    By its p-value; where the procedure makes no test, by its share of the level.
    """

    def closeness(one: RiskResult) -> float:
        if one.p is not None:
            return one.p
        return (one.k + 1) / (one.n + 1) / one.alpha

    return max(certificate.risks, key=closeness, default=None)


def explain(certificate: Certificate) -> dict[str, tuple[str, ...]]:
    """Sections of sentences, in the order in which they are read.

    Without a certified point: what is promised (nothing) and why, and what to do.
    """
    sections: dict[str, tuple[str, ...]] = {"What it promises": (certificate.statement,)}
    if certificate.status == "CERTIFIED":
        sections["What was measured"] = _measured(certificate)
        sections["How far it went"] = _walked(certificate)
        sections["If the questions change (no promise)"] = _movement(certificate)
    sections["On what it rests"] = _rests(certificate)
    sections["What it does not cover"] = NOT_COVERED
    if certificate.warnings:
        sections["Warnings"] = certificate.warnings
    return sections


def _measured(certificate: Certificate) -> tuple[str, ...]:
    said = []
    for one in certificate.risks:
        lost = one.k if one.total is None else f"{one.total:.2f}"
        test = "" if one.p is None else f" ({p_in_words(one.p)})"
        stricter = "" if one.tested_at == one.alpha else f", tested at {one.tested_at:.4g}"
        said.append(
            f"{one.name}: {lost} of {one.n}, at most {one.alpha:g} is promised{stricter}{test}."
        )
    utility, coverage = certificate.utility, certificate.coverage
    if utility is not None and utility.n:
        said.append(
            f"Right answers: {utility.k} of {utility.n} answerable questions"
            f" ({utility.k / utility.n:.0%})."
        )
    if coverage is not None and coverage.n:
        said.append(
            f"Answered at all: {coverage.k} of {coverage.n} questions"
            f" ({coverage.k / coverage.n:.0%})."
        )
    abstained = certificate.wrongful_abstention
    if abstained is not None:
        said.append(
            f"Abstained although it may have known: {abstained.k} of {abstained.n}, as measured at"
            f" most {abstained.ucb_descriptive:.0%}."
        )
    return tuple(said)


def p_in_words(p_value: float) -> str:
    """As a reader takes it.

    >>> p_in_words(0.0028), p_in_words(1e-9)
    ('p = 0.0028', 'p < 0.0001')
    """
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"


def _walked(certificate: Certificate) -> tuple[str, ...]:
    n, tried = certificate.path_length, len(certificate.certified_path)
    closest = binding(certificate)
    said = [
        f"{_count(tried, 'setting')} of a path of {n} passed; the last one, which answers most, is"
        " in force."
        if certificate.stopped_at is not None
        else f"Every one of the {_count(n, 'setting')} of the path passed; the last one, which"
        " answers most, is in force."
    ]
    if certificate.stopped_at is not None:
        said.append(f"Setting {certificate.stopped_at + 1} was the first that did not pass.")
    if closest is not None:
        said.append(
            f"The binding risk is {closest.name}: of all promises it came closest to its limit."
        )
    return tuple(said)


def _movement(certificate: Certificate) -> tuple[str, ...]:
    if certificate.sensitivity is None:
        return ()
    said = [
        f"If {row.unanswerable:.0%} of questions are unanswerable, {row.seen:.1%} of answers are"
        f" wrong as measured, at most {row.bound:.1%} with a margin for chance."
        for row in certificate.sensitivity.prevalence
    ]
    for name, rows in certificate.sensitivity.hellinger.items():
        steps = ", ".join(f"{row.bound:.2f} at {row.distance:g}" for row in rows)
        said.append(f"{name}, bound by Hellinger distance of the new questions: {steps}.")
    return tuple(said)


def _rests(certificate: Certificate) -> tuple[str, ...]:
    data, environment = certificate.data, certificate.environment
    n = sum(data.counts.get("tested", {}).values())
    said = [
        f"{n} questions, {data.cluster_handling}; labelled by {data.labeller}.",
        f"Attempt {certificate.attempt} on these questions; delta {certificate.delta:g}, of which"
        f" {certificate.delta_spent:.4g} was spent by this test.",
        f"Procedure {certificate.procedure}; pipeline {certificate.pipeline.fingerprint[:12]};"
        f" assay {environment.get('assay', 'unknown')}.",
        f"Made on {certificate.created[:10]};"
        + (f" holds until {certificate.expires}." if certificate.expires else " no end is set."),
    ]
    if data.sharing:
        said.append(
            f"{data.sharing} of these questions were written from a document of another one. If"
            " such questions share fate and stand in different clusters, the promise is weaker"
            " than it says."
        )
    if data.attack_families:
        said.append(f"Attack families among the questions: {', '.join(data.attack_families)}.")
    if certificate.canaries is not None:
        said.append(f"{certificate.canaries.n} canaries tell whether it still does the same.")
    return tuple(said)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
