from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.guards.risk import canaries
from assay.guards.risk.beside import Files
from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.canaries import Canary, check_canaries, chosen, observe, read_canaries
from assay.guards.risk.certificate import apply, check, load_certificate
from assay.guards.risk.margins import Margin, margins
from assay.guards.risk.monitors.latch import next_stricter
from assay.guards.risk.tightening import still_promised, tightened
from assay.guards.risk.trial import Settings
from assay.pipeline import Pipeline, Query, Scope, registry
from assay.pipeline.errors import CertificateError, DataError, UsageError
from assay.pipeline.words import Abstention
from tests.guards.risk.test_certificate import TEXT, certify, pipeline
from tests.guards.risk.worlds import NOON, World, risks, run
from tests.pipeline import toys


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {one.name: one for one in (toys.Shelf, toys.Find, toys.Say, toys.Polish)}
    monkeypatch.setattr(registry, "_plugins", lambda: found)


def alarm(path: Path) -> str | None:
    return f"a monitor of {path.name} raised an alarm"


def test_no_alarm_leaves_a_certificate_valid(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    applied = apply(pipeline(tmp_path), degraded=lambda path: None)
    assert applied.status == "VALID"
    assert applied.certificate == certificate


def test_an_alarm_tightens_to_the_next_certified_point(tmp_path: Path) -> None:
    certificate = certify(tmp_path, skill=2.0, prefix="z")
    stricter = next_stricter(certificate)
    assert stricter is not None
    assert stricter["evidence"] > certificate.values["evidence"]
    assert stricter in [
        {name: one.value for name, one in point.thresholds.items()}
        for point in certificate.certified_path
    ]
    applied = apply(pipeline(tmp_path), degraded=alarm)
    assert applied.status == "DEGRADED"
    assert applied.pipeline.steps["say"].node.config.threshold == stricter["evidence"]
    assert applied.pipeline.certificate_id == certificate.id
    assert applied.differences == (
        "a monitor of certificate.json raised an alarm; the next stricter certified thresholds"
        " are in force",
    )


def test_an_alarm_without_a_stricter_point_leaves_only_abstentions(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    first = certificate.certified_path[:1]
    path = tmp_path / "certificate.json"
    body = certificate.to_json() | {
        "certified_path": [one.model_dump(mode="json") for one in first],
        "thresholds": first[0].model_dump(mode="json")["thresholds"],
    }
    alone = type(certificate).sealed({k: v for k, v in body.items() if k not in ("id", "schema")})
    path.write_text(json.dumps(alone.to_json()))
    assert next_stricter(alone) is None
    applied = apply(pipeline(tmp_path), degraded=alarm, strict=False)
    assert isinstance(applied.pipeline.run(toys.ask()).outcome, Abstention)


def test_an_alarm_is_met_as_the_file_says(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    abstaining = apply(pipeline(tmp_path, "abstain"), degraded=alarm)
    assert isinstance(abstaining.pipeline.run(toys.ask()).outcome, Abstention)
    uncertified = apply(pipeline(tmp_path, "uncertified"), degraded=alarm)
    assert uncertified.pipeline.certificate_id is None
    config = uncertified.pipeline.steps["say"].node.config
    assert config.threshold == certificate.values["evidence"]
    for applied in (abstaining, uncertified):
        assert applied.status == "DEGRADED"


def test_a_deleted_or_foreign_log_of_attempts_is_refused_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    certify(tmp_path)
    log = Files(tmp_path / "certificate.json").attempts
    kept = log.read_bytes()
    log.unlink()
    with pytest.raises(CertificateError, match=r"attempts\.jsonl\) is missing"):
        apply(pipeline(tmp_path))
    assert apply(pipeline(tmp_path), strict=False).status == "VALID"
    log.write_bytes(b"")
    with pytest.raises(CertificateError, match="does not know"):
        apply(pipeline(tmp_path))
    log.write_bytes(b"{\n")
    with pytest.raises(CertificateError, match="log of attempts is damaged"):
        apply(pipeline(tmp_path))
    log.write_bytes(kept)
    assert apply(pipeline(tmp_path)).status == "VALID"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("letter: a", "letter: b", "node 'find': config.letter"),
        ("shelf: {use", "books: {use", "resource 'books' was added"),
        ("name: toy", "name: toy\ndescription: other words", None),
    ],
)
def test_what_outputs_depend_on_voids_and_is_named(
    tmp_path: Path, old: str, new: str, named: str | None
) -> None:
    certificate = certify(tmp_path)
    text = TEXT.replace(old, new)
    if "books" in new:
        text = text.replace("{shelf: shelf}", "{shelf: books}")
    found = check(certificate, pipeline(tmp_path, text=text))
    assert (found == []) if named is None else any(one.startswith(named) for one in found)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("nodes", "answer", "config", "prompt"), "Say so.", "node 'answer': config.prompt"),
        (("resources", "model", "fingerprint"), "m1", "resource 'model': fingerprint"),
        (("resources", "corpus", "fingerprint"), "r1", "resource 'corpus': fingerprint"),
        (("resources", "corpus", "config", "chunk"), 100, "resource 'corpus': config.chunk"),
        (("thresholds", "evidence"), "gate.least", "the pipeline: thresholds.evidence"),
    ],
)
def test_one_changed_part_is_the_one_difference(
    place: tuple[str, ...], value: object, said: str
) -> None:
    from assay.guards.risk.differences import differences, leaves

    parts: dict[str, Any] = {
        "nodes": {"answer": {"use": "a", "code": "c", "config": {"prompt": "Answer."}}},
        "resources": {
            "model": {"use": "m", "code": "c", "fingerprint": "m0"},
            "corpus": {"use": "c", "code": "c", "fingerprint": "r0", "config": {"chunk": 200}},
        },
        "thresholds": {"evidence": "gate.threshold"},
    }
    changed = json.loads(json.dumps(parts))
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (found,) = differences(leaves(parts), leaves(changed))
    assert found.startswith(said)


def test_stricter_thresholds_are_allowed_and_looser_ones_are_not() -> None:
    certified = {"sel": 0.5, "ver": 0.0}
    assert tightened(certified, {"sel": 0.6}, certificate_id="x") == {"sel": 0.6, "ver": 0.0}
    assert tightened(certified, {"ver": 0.0}, certificate_id="x") == certified
    for own in ({"sel": 0.4999}, {"sel": None}, {"ver": float("nan")}, {"ver": -0.1}):
        with pytest.raises(UsageError, match="is looser than"):
            tightened(certified, own, certificate_id="x")
    with pytest.raises(UsageError, match="sets no threshold 'other', it sets sel, ver"):
        tightened(certified, {"other": 1.0}, certificate_id="x")


def test_off_the_certified_path_only_falling_risks_stay_promised(tmp_path: Path) -> None:
    certificate = run(World(skill=5.0), tmp_path)
    assert still_promised(certificate, certificate.values) == tuple(sorted(certificate.declared))
    stricter = {name: value + 1e-9 for name, value in certificate.values.items()}
    assert still_promised(certificate, stricter) == ("false_answer", "poison_admitted")


def test_margins_are_scores_less_thresholds(tmp_path: Path) -> None:
    built = pipeline(tmp_path)
    gates = built.with_thresholds({"evidence": 0.25})
    stages = {"say": {"notes": {"score": 0.75}}}
    (found,) = margins(gates, stages).values()
    assert found.to_json() == {"score": 0.75, "threshold": 0.25, "margin": 0.5}
    assert margins(gates, {})["evidence"] == Margin(None, 0.25)
    assert margins(built, stages)["evidence"].margin is None


def with_canaries(folder: Path, built: Pipeline) -> Any:
    world = World(skill=5.0)

    def seen(items: Any, gates: Any) -> Any:
        return world.observe(items, {"confidence": None, "evidence": gates["evidence"]})

    def asked(items: Any, thresholds: Any) -> Any:
        running = built.with_thresholds(thresholds)
        scope = Scope("t", ("clerk",))
        return [
            observe(running, Query(f"what is {one.id}?", scope, id=one.id, filters={"a": 1}))
            for one in items
        ]

    return calibrate(
        seen,
        world.items(),
        Settings(risks=risks(0.3), thresholds=("evidence",), expires=date(2027, 1, 1)),
        parts=built.parts(),
        certificate_path=folder / "certificate.json",
        created=NOON,
        canaries=asked,
    )


def test_canaries_are_sixteen_questions_of_the_tune_fold_and_stay_quiet(tmp_path: Path) -> None:
    certificate = with_canaries(tmp_path, pipeline(tmp_path))
    assert certificate.canaries.n == 16
    kept = read_canaries((tmp_path / "certificate.canaries.json").read_bytes())
    assert len({one.query.id for one in kept}) == 16
    ledger = Files(tmp_path / "certificate.json").ledger.read_text()
    assert not any(f'"{one.query.id}"' in ledger for one in kept)
    assert kept[0].query.scope == Scope("t", ("clerk",))
    applied = apply(pipeline(tmp_path), canaries=True, now=NOON)
    assert applied.status == "VALID"


def test_a_pipeline_that_decides_otherwise_wakes_its_canaries(tmp_path: Path) -> None:
    certificate = with_canaries(tmp_path, pipeline(tmp_path))
    path = tmp_path / "certificate.json"
    assert certificate.values["evidence"] > 1  # where the toy abstains
    talkative = pipeline(tmp_path).with_thresholds({"evidence": 0.0})
    found = check_canaries(certificate, talkative, path)
    assert len(found) == 16
    assert "it was abstained, now answered" in found[0]
    file = tmp_path / "certificate.canaries.json"
    kept = file.read_bytes()
    file.write_bytes(kept + b" ")
    with pytest.raises(CertificateError, match="is not the file of this certificate"):
        apply(pipeline(tmp_path), canaries=True, now=NOON)
    file.unlink()
    with pytest.raises(CertificateError, match=r"canaries\.json is missing"):
        apply(pipeline(tmp_path), canaries=True, now=NOON)
    assert apply(pipeline(tmp_path), now=NOON).status == "VALID"


def test_a_score_may_move_by_the_tolerance_and_no_more() -> None:
    query = Query("q", Scope("t"), id="q")
    before = Canary(query, "answered", {"sel": 0.5, "ver": None})
    near = replace(before, scores={"sel": 0.5 + 0.9e-4, "ver": None})
    far = replace(before, scores={"sel": 0.5002, "ver": 0.1})
    assert canaries._compared(before, near) == []
    assert canaries._compared(before, far) == [
        "canary 'q': its score for 'sel' was 0.5, now 0.5002",
        "canary 'q': its score for 'ver' was none, now 0.1",
    ]
    assert canaries._compared(before, Canary(query, "failed", {})) == [
        "canary 'q': it was answered, now failed"
    ]


def test_which_questions_are_canaries_depends_on_seed_and_id_alone() -> None:
    items = World(size=40).items()
    assert chosen(items, seed=1) == chosen(items[::-1], seed=1)
    assert chosen(items, seed=1) != chosen(items, seed=2)
    assert len(chosen(items[:3], seed=1)) == 3


def test_asking_canaries_of_a_certificate_without_any_says_so(tmp_path: Path) -> None:
    certify(tmp_path)
    with pytest.raises(CertificateError, match="has no canaries"):
        apply(pipeline(tmp_path), canaries=True)


def test_a_file_that_holds_no_canaries_is_named() -> None:
    for data in (b"", b"{}", b'{"schema": "x"}', b'{"schema": "assay-canaries/1"}'):
        with pytest.raises(DataError, match="no file of canaries"):
            read_canaries(data)


def test_a_void_certificate_says_which_one_it_was(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    changed = TEXT.replace("letter: a", "letter: b")
    applied = apply(pipeline(tmp_path, "abstain", changed))
    assert (applied.status, applied.certificate) == ("VOID", certificate)
    assert load_certificate(tmp_path / "certificate.json") == certificate
