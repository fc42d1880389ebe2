"""The monitors' figures in the text format of Prometheus, for a collector that reads files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from assay.guards.risk.monitors.interval import anytime_interval
from assay.guards.risk.monitors.latch import Alarm
from assay.guards.risk.monitors.watch import ALARM, ARL, Watch

Sample = tuple[Mapping[str, str], float]
"""Labels and value."""


def exposition(watch: Watch, alarms: Sequence[Alarm]) -> str:
    """All figures, by Prometheus' text exposition format 0.0.4; all of them gauges.

    Counts are gauges too: they start anew with another certificate.

    Args:
        watch: the monitors.
        alarms: latched alarms of this certificate.
    """
    state, reference = watch.state, watch.reference
    loud = {one.monitor for one in alarms}
    evidence, limits = _evidence(watch)
    answered = state.abstentions.asked - state.abstentions.abstained
    labelled = sum(one.verdict is not None for one in state.audited.values())
    kept = state.risks
    bounds = {
        name: anytime_interval(one.total, one.n, reference.delta) for name, one in kept.items()
    }
    families: Sequence[tuple[str, str, Iterable[Sample]]] = (
        ("degraded", "1 after any alarm", [({}, float(bool(alarms)))]),
        (
            "alarm",
            "1 once this monitor has alarmed, for good",
            [({"monitor": name}, float(name in loud)) for name in sorted({*evidence, *loud})],
        ),
        ("evidence", "what a monitor has against no change", _by("monitor", evidence)),
        ("evidence_alarm", "evidence at which a monitor alarms", _by("monitor", limits)),
        (
            "questions",
            "questions counted",
            _by(
                "outcome",
                {"answered": float(answered), "abstained": float(state.abstentions.abstained)},
            ),
        ),
        (
            "audit",
            "questions sampled for an audit",
            _by(
                "label",
                {"given": float(labelled), "due": float(len(state.audited) - labelled)},
            ),
        ),
        (
            "risk_audits",
            "labels that counted for a risk",
            _by("risk", {name: float(one.n) for name, one in kept.items()}),
        ),
        ("risk_losses", "their sum", _by("risk", {name: one.total for name, one in kept.items()})),
        (
            "risk_level",
            "the certified level",
            _by("risk", {one.name: one.alpha for one in reference.risks}),
        ),
        (
            "risk_lower",
            "lower end of the interval that holds at all times",
            _by("risk", {name: one[0] for name, one in bounds.items()}),
        ),
        (
            "risk_upper",
            "its upper end",
            _by("risk", {name: one[1] for name, one in bounds.items()}),
        ),
    )
    lines = []
    for name, text, samples in families:
        full = f"assay_monitor_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} gauge"]
        for labels, value in samples:
            all_labels = _labels({"certificate": reference.certificate, **labels})
            lines.append(f"{full}{all_labels} {_number(value)}")

    return "\n".join(lines) + "\n"


def _evidence(watch: Watch) -> tuple[dict[str, float], dict[str, float]]:
    """Monitor to its evidence, and to where it alarms."""
    state, known = watch.state, watch.reference.abstentions
    found = {f"score {gate.name}": watch.wealth(gate.name) for gate in watch.reference.gates}
    if known is not None:
        found["more abstentions"] = _mean(state.abstentions.more, 1.0)
        found["fewer abstentions"] = _mean(state.abstentions.fewer, 1.0)
    limits = dict.fromkeys(found, ALARM)
    for risk in watch.reference.risks:
        kept = state.risks.get(risk.name)
        found[risk.name] = 0.0 if kept is None else _mean(kept.sums, 0.0)
        limits[risk.name] = ARL
    return found, limits


def _mean(values: Sequence[float], none: float) -> float:
    return sum(values) / len(values) if values else none


def _by(label: str, values: Mapping[str, float]) -> list[Sample]:
    return [({label: name}, value) for name, value in values.items()]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return "+Inf" if value == math.inf else repr(value)
