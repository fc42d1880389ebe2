"""What the monitors compare with: scores, abstentions and risks on the certify fold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.guards.risk.binomial import clopper_pearson_lower, clopper_pearson_upper
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.ledger import Files, read_ledger
from assay.guards.risk.losses import Observation, Risk, answers, passes
from assay.guards.risk.monitors.audit import UNSEEN
from assay.guards.risk.schema import Certificate
from assay.pipeline.errors import DataError, UsageError

INTERVAL_DELTA = 0.005
"""Chance that the true abstention rate lies above the interval, and that it lies below."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate and the scores that it compared on the certify fold.

    Args:
        name: of its threshold.
        node: whose note in a run record is the score.
        scores: of the questions that reach the gate at the certified thresholds.
    """

    name: str
    node: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Abstentions:
    """How often the certify fold was met by an abstention.

    Args:
        k: abstentions.
        n: questions.
        lower: end of a 99 % interval.
        upper: its other end.
    """

    k: int
    n: int
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything that is watched under one certificate.

    Args:
        certificate: its id.
        delta: the chance that it is wrong.
        gates: scores that need no label.
        abstentions: None where the ledger is missing.
        risks: that audits can see, with the certified levels.
        unwatched: what is not watched, a sentence each.
    """

    certificate: str
    delta: float
    gates: tuple[Gate, ...]
    abstentions: Abstentions | None
    risks: tuple[Risk, ...]
    unwatched: tuple[str, ...]


def reference_of(certificate_path: Path) -> Reference:
    """Read a certificate and the ledger beside it.

    Poisoned questions are left out of scores and abstentions: calibration made them, and how many
    it made says nothing about how many will come.

    Raises:
        CertificateError: if the certificate is missing or was altered.
        UsageError: if it certifies nothing.
        DataError: if the ledger is not the one of this certificate.
    """
    certificate = load_certificate(certificate_path)
    if certificate.status != "CERTIFIED":
        raise UsageError(
            f"{certificate_path} certifies nothing, so there is nothing to watch:"
            " label more questions and calibrate anew"
        )
    risks = tuple(Risk(one.name, one.alpha) for one in certificate.risks if one.name not in UNSEEN)
    unwatched = [
        f"{one.name}: nobody knows what an abstention would have answered"
        for one in certificate.risks
        if one.name in UNSEEN
    ]
    observations = _ledger(certificate, certificate_path)
    gates: list[Gate] = []
    abstentions = None
    if observations is None:
        unwatched.append(f"scores and abstentions: {Files(certificate_path).ledger} is missing")
    else:
        gates, more = _gates(certificate, observations)
        unwatched += more
        abstained = sum(not answers(one, certificate.values) for one in observations)
        abstentions = abstentions_of(abstained, len(observations))
    return Reference(
        certificate.id, certificate.delta, tuple(gates), abstentions, risks, tuple(unwatched)
    )


def abstentions_of(k: int, n: int) -> Abstentions | None:
    """With the interval; None for no questions."""
    if not n:
        return None
    lower = clopper_pearson_lower(k, n, INTERVAL_DELTA)
    return Abstentions(k, n, lower, clopper_pearson_upper(k, n, INTERVAL_DELTA))


def upstream(certificate: Certificate) -> dict[str, frozenset[str]]:
    """Threshold name to the thresholds whose gates a question passes before."""
    nodes = {name: _target(certificate, name) for name in certificate.thresholds}
    feeds: dict[str, set[str]] = {}
    for path, value in certificate.pipeline.parts.items():
        kind, _, rest = path.partition("/")
        node, _, port = rest.partition("/")
        if kind == "nodes" and port.startswith("inputs/"):
            feeds.setdefault(node, set()).add(str(_plain(value)).split(".", 1)[0])
    return {
        name: frozenset(
            other
            for other, place in nodes.items()
            if other != name and place in _ancestors(feeds, node)
        )
        for name, node in nodes.items()
    }


def _gates(
    certificate: Certificate, observations: Iterable[Observation]
) -> tuple[list[Gate], list[str]]:
    before, values = upstream(certificate), certificate.values
    seen = list(observations)
    gates, unwatched = [], []
    for name in sorted(certificate.thresholds):
        node = _target(certificate, name)
        scores = [
            score
            for one in seen
            if (score := one.scores.get(name)) is not None
            and all(passes(one.scores.get(other), values.get(other)) for other in before[name])
        ]
        if node is None or not scores:
            why = "no certify question reached its gate" if node else "its gate is not known"
            unwatched.append(f"score {name}: {why}")
        else:
            gates.append(Gate(name, node, tuple(scores)))
    return gates, unwatched


def _target(certificate: Certificate, name: str) -> str | None:
    """The node that a threshold belongs to."""
    target = certificate.pipeline.parts.get(f"thresholds/{name}")
    return None if target is None else str(_plain(target)).split(".", 1)[0]


def _plain(leaf: str) -> object:
    try:
        return json.loads(leaf)
    except ValueError:
        return leaf  # too long to be kept: a digest stands for it


def _ancestors(feeds: Mapping[str, set[str]], node: str | None) -> set[str]:
    found: set[str] = set()
    left = [] if node is None else [node]
    while left:
        for feeder in feeds.get(left.pop(), set()) - found:
            found.add(feeder)
            left.append(feeder)
    return found


def _ledger(certificate: Certificate, path: Path) -> list[Observation] | None:
    """The observations that count, None where the file is missing."""
    place = Files(path).ledger
    if not place.exists():
        return None
    data = place.read_bytes()
    expected = None if certificate.ledger is None else certificate.ledger.sha256
    if hashlib.sha256(data).hexdigest() != expected:
        raise DataError(
            f"{place} is not the ledger of certificate {certificate.id}: restore it, or move it"
            " away to watch without scores"
        )
    return [one for one in read_ledger(data) if one.stratum != "poisoned"]
