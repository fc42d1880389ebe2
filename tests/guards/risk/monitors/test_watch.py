"""All monitors of a real certificate, fed with records and labels."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.guards.risk.losses import Risk
from assay.guards.risk.monitors.audit import AuditLabel
from assay.guards.risk.monitors.latch import Alarm, alarms_path, degraded, latch, next_stricter
from assay.guards.risk.monitors.reference import (
    Gate,
    Reference,
    abstentions_of,
    reference_of,
    upstream,
)
from assay.guards.risk.monitors.state import SCHEMA, State, load_state, write_state
from assay.guards.risk.monitors.watch import Watch
from assay.pipeline.errors import DataError, UsageError
from tests.guards.risk.monitors.service import certified, record, stream
from tests.guards.risk.worlds import World, risks, run


def watching(path: Path, *, rate: float = 1.0) -> Watch:
    reference = reference_of(path)
    return Watch(reference, State(certificate=reference.certificate, rate=rate, schema=SCHEMA))


def feed(watch: Watch, records: list[dict[str, Any]]) -> None:
    for number, one in enumerate(records, 1):
        watch.record(one, f"log:{number}")


def test_a_gate_is_compared_with_the_questions_that_reach_it_at_the_certified_thresholds(
    tmp_path: Path,
) -> None:
    path, certificate = certified(tmp_path)
    assert upstream(certificate) == {"confidence": {"evidence"}, "evidence": frozenset()}
    gates = {gate.name: gate for gate in reference_of(path).gates}
    limit = certificate.values["evidence"]
    passed = sum(score >= limit for score in gates["evidence"].scores)
    assert 0 < len(gates["confidence"].scores) == passed < len(gates["evidence"].scores)


def test_the_same_kind_of_questions_raises_no_alarm(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    feed(watch, stream(certificate, 1500))
    assert watch.state.alarms == []
    assert watch.taken == {"counted": 1500}


def test_weaker_scores_are_noticed_without_labels_by_both_kinds_of_monitors(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    feed(watch, stream(certificate, 400, shift=-1.5))
    found = {one.monitor for one in watch.state.alarms}
    assert {"score evidence", "more abstentions"} <= found
    assert "fewer abstentions" not in found


def test_an_alarm_stays_when_the_martingale_falls(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    feed(watch, stream(certificate, 200, shift=-2))
    before = list(watch.state.alarms)
    loud = watch.state.scores["evidence"].most
    feed(watch, stream(certificate, 400, seed=2, prefix="later"))
    feed(watch, stream(certificate, 800, seed=3, shift=0.5, prefix="better"))
    assert watch.wealth("evidence") < np.exp(loud)
    assert watch.state.alarms[: len(before)] == before
    latch(path, watch.state.alarms)
    assert "evidence" in str(degraded(path))


def test_a_record_twice_or_resumed_in_between_changes_nothing(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    records = stream(certificate, 120)
    once, twice = watching(path), watching(path)
    feed(once, records)
    feed(twice, records[:50])
    write_state(twice.state, tmp_path / "s.json")
    kept = load_state(tmp_path / "s.json", certificate.id, None, default_rate=0.05)
    resumed = Watch(reference_of(path), kept)
    feed(resumed, records[:80])
    feed(resumed, records[30:])
    assert resumed.state == once.state
    assert resumed.taken == {"counted": 70, "repeated": 100}
    assert resumed.wealth("evidence") == once.wealth("evidence")


def test_records_that_say_nothing_about_the_certificate_are_left_out_and_told(
    tmp_path: Path,
) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    good = record(certificate, "a", 9.0, 9.0)
    feed(
        watch,
        [
            good | {"certificate": None},
            good | {"certificate": "another"},
            good | {"outcome": "failed"},
            good | {"abstention": {"reason": "certificate_void"}},
        ],
    )
    assert watch.taken == {"of another certificate": 3, "failed": 1}
    feed(watch, [good | {"query_id": ""}, good | {"query_id": ""}])
    assert (watch.taken["counted"], watch.taken["repeated"]) == (1, 1)


@pytest.mark.parametrize(
    "score",
    [float("nan"), float("inf"), "high", True, 10**400],
    ids=["nan", "inf", "text", "bool", "huge"],
)
def test_a_score_that_is_no_number_is_left_out_and_told(tmp_path: Path, score: Any) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    one = record(certificate, "a", 9.0, 9.0)
    one["stages"]["first"] = {"notes": {"score": score}}
    feed(watch, [one])
    assert +watch.without_score == {"evidence": 1}
    assert watch.state.scores["evidence"].arrived == []


@pytest.mark.parametrize(
    "broken", [{"query_id": 3}, {"outcome": "maybe"}, {"stages": []}, {"certificate": 1}]
)
def test_what_is_no_record_names_its_place(tmp_path: Path, broken: dict[str, Any]) -> None:
    path, certificate = certified(tmp_path)
    with pytest.raises(DataError, match=f"log:1 is no run record: '{next(iter(broken))}'"):
        feed(watching(path), [record(certificate, "a", 1.0, 1.0) | broken])


def audit(query_id: str, right: bool) -> AuditLabel:
    return AuditLabel(query_id=query_id, right=right)


def test_labels_are_bet_on_in_the_order_in_which_they_come(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    ids = [f"a{number}" for number in range(6)]
    records = [record(certificate, one, 9.0, 9.0) for one in ids]
    rights = [False, False, True, True, True, True]
    sums = []
    for order in ((0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 3, 4, 5, 0, 1)):
        watch = watching(path)
        feed(watch, records)
        for place in order:
            assert watch.label(audit(ids[place], rights[place])) == "counted"
        sums.append(watch.state.risks["hallucination"].sums)
    assert sums[0] != sums[1]
    assert sums[1] == sums[2]  # the same outcomes in the same order


def test_labels_that_come_early_late_twice_or_from_outside(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    assert watch.label(audit("early", False)) == "waiting"
    assert watch.label(audit("early", False)) == "waiting"
    assert watch.label(audit("early", True)) == "contradicting"
    assert watch.label(AuditLabel(query_id="early")) == "not filled in"
    feed(watch, [record(certificate, "early", 9.0, 9.0)])
    assert watch.state.waiting == {}
    kept = watch.state.risks["hallucination"]
    assert (kept.n, kept.total) == (1, 1.0)
    assert watch.label(audit("early", False)) == "repeated"
    assert watch.label(audit("early", True)) == "contradicting"
    assert (kept.n, kept.total) == (1, 1.0)
    nobody = watching(path, rate=0.0)
    feed(nobody, [record(certificate, "picked", 9.0, 9.0)])
    assert nobody.label(audit("picked", False)) == "not sampled"
    assert nobody.state.risks == {}


def detector(level: float, seed: int, rates: list[tuple[int, float]]) -> Alarm | None:
    """The alarm of one risk's detector over audited answers whose rate changes."""
    risk = Risk("hallucination", level)
    reference = Reference("c", 0.1, (), None, (risk,), ())
    watch = Watch(reference, State(certificate="c", rate=1.0, schema=SCHEMA))
    draw = random.Random(seed)
    number = 0
    for length, rate in rates:
        for _ in range(length):
            number += 1
            fields = {
                "query_id": str(number), "outcome": "answered", "certificate": "c", "stages": {}
            }  # fmt: skip
            watch.record(fields, "x:1")
            watch.label(audit(str(number), draw.random() >= rate))
            if watch.state.alarms:
                return watch.state.alarms[0]
    return None


def test_a_rate_that_doubles_late_is_noticed_in_two_hundred_labels() -> None:
    alarms = [detector(0.1, seed, [(500, 0.04), (600, 0.2)]) for seed in range(15)]
    after = [one.after if one is not None else 1100 for one in alarms]
    assert min(after) > 500
    assert np.median(after) - 500 <= 200


def test_a_rate_at_its_level_alarms_rarely() -> None:
    alarms = [detector(0.1, seed, [(1000, 0.1)]) for seed in range(20)]
    assert sum(one is not None for one in alarms) <= 12  # mean time to one is 5000 or more


def test_streams_of_the_calibration_kind_alarm_as_rarely_as_promised() -> None:
    streams, loud = 150, 0
    for seed in range(streams):
        draw = random.Random(seed)
        gate = Gate("evidence", "first", tuple(draw.gauss(0, 1) for _ in range(100)))
        reference = Reference("c", 0.1, (gate,), abstentions_of(100, 200), (), ())
        watch = Watch(reference, State(certificate="c", rate=0.0, schema=SCHEMA))
        for number in range(300):
            fields = {
                "query_id": f"{seed}-{number}",
                "certificate": "c",
                "outcome": "abstained" if draw.random() < 0.5 else "answered",
                "stages": {"first": {"notes": {"score": draw.gauss(0, 1)}}},
            }
            watch.record(fields, "x:1")
        loud += bool(watch.state.alarms)
    assert loud <= 17  # 3 % of 150: 1e-6 band: a score and two sides


def test_a_canary_that_changes_alarms_and_the_same_again_does_not(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    watch = watching(path)
    first = record(certificate, "bird", 9.0, 9.0)
    assert watch.canary(first, "c:1")
    assert watch.canary(record(certificate, "bird", 9.00005, 9.0), "c:2")
    assert watch.canary(first | {"certificate": "another"}, "c:3")
    assert not watch.state.alarms
    assert not watch.canary(record(certificate, "bird", 9.001, 9.0), "c:4")
    assert [one.monitor for one in watch.state.alarms] == ["canaries"]


def test_a_certificate_that_certifies_nothing_is_not_watched(tmp_path: Path) -> None:
    run(World(skill=0.0), tmp_path, risks=risks(0.05))
    with pytest.raises(UsageError, match="certifies nothing"):
        reference_of(tmp_path / "certificate.json")


def test_without_its_ledger_only_audits_are_watched_and_with_another_none(tmp_path: Path) -> None:
    path, _ = certified(tmp_path)
    ledger = tmp_path / "certificate.ledger.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole.splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="not the ledger"):
        reference_of(path)
    ledger.unlink()
    reference = reference_of(path)
    assert (reference.gates, reference.abstentions) == ((), None)
    assert "is missing" in reference.unwatched[0]


def test_a_state_of_another_certificate_or_rate_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "s.json"
    write_state(State(certificate="one", rate=0.1, schema=SCHEMA), place)
    with pytest.raises(UsageError, match="watches certificate one, this is two"):
        load_state(place, "two", None, default_rate=0.05)
    with pytest.raises(UsageError, match="the share stays"):
        load_state(place, "one", 0.2, default_rate=0.05)
    place.write_text('{"certificate": 1}', encoding="utf-8")
    with pytest.raises(DataError, match="no state"):
        load_state(place, "one", None, default_rate=0.05)


def alarm(certificate: str, monitor: str = "m", reason: str = "why") -> Alarm:
    return Alarm(certificate=certificate, monitor=monitor, reason=reason, after=1, query_id="q")


def test_alarms_belong_to_one_certificate_and_the_first_stays(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    assert degraded(path) is None
    latch(path, [alarm("another")])
    assert degraded(path) is None
    latch(path, [alarm(certificate.id), alarm(certificate.id, reason="later")])
    assert latch(path, [alarm(certificate.id, reason="third")])[-1].reason == "why"
    assert degraded(path) == "why"


def test_a_file_of_alarms_that_cannot_be_read_degrades(tmp_path: Path) -> None:
    path, certificate = certified(tmp_path)
    alarms_path(path).write_text("[]", encoding="utf-8")
    assert "no file of alarms" in str(degraded(path))
    with pytest.raises(DataError):
        latch(path, [alarm(certificate.id)])
    assert alarms_path(path).read_text(encoding="utf-8") == "[]"


def test_the_next_stricter_point_is_certified_and_no_looser(tmp_path: Path) -> None:
    _, certificate = certified(tmp_path)
    point = next_stricter(certificate)
    certified_points = [
        {name: one.value for name, one in step.thresholds.items()}
        for step in certificate.certified_path
    ]
    expected = [
        one
        for one in certified_points
        if one != certificate.values and all(one[k] >= v for k, v in certificate.values.items())
    ]
    assert point == (expected[-1] if expected else None)
    alone = certificate.model_copy(update={"certified_path": certificate.certified_path[-1:]})
    assert next_stricter(alone) is None
