"""``assay monitor``: from files to monitors, and what they found in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.apps.session import load
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.monitors.audit import RATE, AuditLabel, read_label
from assay.guards.risk.monitors.interval import anytime_interval
from assay.guards.risk.monitors.latch import Alarm, latch, next_stricter, read_alarms
from assay.guards.risk.monitors.log import Log
from assay.guards.risk.monitors.reference import reference_of
from assay.guards.risk.monitors.state import load_state, state_path, write_state
from assay.guards.risk.monitors.watch import ALARM, ARL, Watch
from assay.pipeline.component import relative_to
from assay.pipeline.errors import UsageError
from assay.pipeline.files import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a run of the monitors reads.

    Args:
        records: logs of run records.
        labels: files of audit labels, in the order in which they came.
        canaries: logs of run records of the canary questions.
    """

    records: Sequence[Path] = ()
    labels: Sequence[Path] = ()
    canaries: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one run of the monitors.

    Args:
        certificate_path: the certificate.
        watch: the monitors after it.
        alarms: latched alarms of this certificate.
        unfinished: logs whose last line is still being written.
    """

    certificate_path: Path
    watch: Watch
    alarms: tuple[Alarm, ...]
    unfinished: tuple[Path, ...]


def certificate_at(target: str) -> Path:
    """The certificate file that a person named, by itself or by the pipeline that names it.

    Raises:
        UsageError: if the pipeline names none.
    """
    if target.endswith(".json"):
        return Path(target)
    built = load(target)
    if built.certificate is None:
        raise UsageError(f"the pipeline {target} names no certificate: give the certificate's path")
    return relative_to(built.base, built.certificate.path)


def monitor(
    certificate_path: Path, inputs: Inputs, *, state: Path | None = None, rate: float | None = None
) -> Seen:
    """Read what is new, and keep what it showed.

    Alarms are latched before the state is written, so a stop in between loses none; a stop before
    that leaves everything as it was.

    Args:
        certificate_path: what is watched.
        inputs: what to read.
        state: the state file; None for the one beside the certificate.
        rate: share of questions that are audited, None for the state's own.
    """
    reference = reference_of(certificate_path)
    place = state_path(certificate_path) if state is None else state
    kept = load_state(place, reference.certificate, rate, default_rate=RATE)
    watch = Watch(reference, kept)
    latched = read_alarms(certificate_path)
    unfinished: list[Path] = []
    for path in inputs.records:
        log = Log(path, dict(kept.logs))
        for number, fields in log:
            watch.record(fields, f"{path}:{number}")
        if log.head is not None and log.position is not None:
            kept.logs[log.head] = log.position
        unfinished += [path] * log.unfinished
    for label in _labels(inputs.labels, unfinished):
        watch.label(label)
    for path in inputs.canaries:
        log = Log(path)
        for number, fields in log:
            watch.canary(fields, f"{path}:{number}")
        unfinished += [path] * log.unfinished
    if kept.alarms:
        latched = latch(certificate_path, kept.alarms)
    write_state(kept, place)
    own = tuple(one for one in latched if one.certificate == reference.certificate)
    return Seen(certificate_path, watch, own, tuple(unfinished))


def _labels(paths: Sequence[Path], unfinished: list[Path]) -> Iterator[AuditLabel]:
    for path in paths:
        log = Log(path)
        for number, fields in log:
            yield read_label(fields, f"{path}:{number}")
        unfinished += [path] * log.unfinished


def write_due(watch: Watch, path: Path) -> int:
    """Write the sampled questions without a label, to be filled in; gives their number.

    Raises:
        UsageError: if the file exists: somebody may be filling it in.
    """
    if path.exists():
        raise UsageError(
            f"{path} exists: choose another file, labels may already stand in this one"
        )
    due = watch.due
    lines = [
        json.dumps(
            {"query_id": one.query_id, "text": one.text, "answer": one.answer, "right": None},
            ensure_ascii=False,
        )
        for one in due
    ]
    write_atomically(path, "".join(line + "\n" for line in lines).encode())
    return len(due)


def told(seen: Seen) -> list[str]:
    """The state in plain words, a line each."""
    watch, state = seen.watch, seen.watch.state
    head = "DEGRADED" if seen.alarms else "no alarm"
    asked, abstained = state.abstentions.asked, state.abstentions.abstained
    lines = [
        f"{head}  certificate {state.certificate}  ({seen.certificate_path})",
        f"{asked} questions counted: {asked - abstained} answered, {abstained} abstentions",
        f"  this time: {_counts(watch.taken.items())}",
    ]
    for alarm in seen.alarms:
        lines.append(f"ALARM after {alarm.after}: {alarm.reason} (question '{alarm.query_id}')")
    lines += _unlabelled(watch) + _audits(watch)
    if state.canaries:
        lines.append(f"{len(state.canaries)} canaries, compared {state.canary_checks} times")
    lines += [f"not watched: {one}" for one in watch.reference.unwatched]
    lines += [
        f"{path}: its last line is not finished; it will be read next time"
        for path in seen.unfinished
    ]
    return lines + (_next(seen) if seen.alarms else [])


def _unlabelled(watch: Watch) -> list[str]:
    lines, state = [], watch.state
    for gate in watch.reference.gates:
        value, n = watch.wealth(gate.name), len(state.scores[gate.name].arrived)
        lines.append(
            f"score {gate.name}: {n} seen, {len(gate.scores)} in calibration; evidence of change"
            f" {value:.3g} (alarm at {ALARM:g})"
        )
        bad = watch.without_score[gate.name]
        if bad:
            lines.append(f"  {bad} records had a score that is no number; they were left out")
    known = watch.reference.abstentions
    if known is not None:
        kept = state.abstentions
        lines.append(
            f"abstentions: {kept.abstained} of {kept.asked}; in calibration {known.k} of {known.n}"
            f" ({known.lower:.3f} to {known.upper:.3f}); evidence of more {_mean(kept.more):.3g},"
            f" of fewer {_mean(kept.fewer):.3g} (alarm at {ALARM:g})"
        )
    return lines


def _audits(watch: Watch) -> list[str]:
    state, lines = watch.state, []
    sampled = len(state.audited)
    given = sum(one.verdict is not None for one in state.audited.values())
    lines.append(
        f"audits: {state.rate:.1%} of the questions are looked at; {sampled} chosen, {given}"
        f" labelled, {len(state.waiting)} labels wait for a question that was not seen yet"
    )
    if watch.labelled:
        lines.append(f"  labels read this time: {_counts(watch.labelled.items())}")
    for risk in watch.reference.risks:
        kept = state.risks.get(risk.name)
        if kept is None:
            lines.append(f"{risk.name} <= {risk.alpha:g}: no label counts for it yet")
            continue
        lower, upper = anytime_interval(kept.total, kept.n, watch.reference.delta)
        lines.append(
            f"{risk.name} <= {risk.alpha:g}: {kept.total:g} of {kept.n} audited lost,"
            f" {1 - watch.reference.delta:.0%} interval {lower:.3f} to {upper:.3f} at any time;"
            f" evidence of more {sum(kept.sums) / len(kept.sums):.3g} (alarm at {ARL:g})"
        )
    return lines


def _next(seen: Seen) -> list[str]:
    point = next_stricter(load_certificate(seen.certificate_path))
    if point is None:
        stricter = "no stricter point is certified, so abstain"
    else:
        values = ", ".join(f"{name} {value:.4f}" for name, value in sorted(point.items()))
        stricter = f"the next stricter certified point is {values}"
    return [
        f"The alarm stays. Until a new certificate: {stricter}.",
        "Next: label fresh questions, such as the audited ones, and run 'assay calibrate run'.",
    ]


def _counts(found: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number} {name}" for name, number in found) or "nothing new"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 1.0
