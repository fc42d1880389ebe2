from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.guards.risk.beside import Files
from assay.guards.risk.calibrate import calibrate
from assay.guards.risk.certificate import apply, check, load_certificate
from assay.guards.risk.differences import differences, leaves
from assay.guards.risk.ledger import verify
from assay.guards.risk.trial import Settings
from assay.pipeline import Pipeline, build_text, registry
from assay.pipeline.canonical import canonical_json
from assay.pipeline.errors import CertificateError
from assay.pipeline.words import Abstention, AbstentionReason, Answer
from tests.guards.risk.worlds import NAMES, NOON, World, risks, run
from tests.pipeline import toys

TEXT = """\
assay: 1
name: toy
resources:
  shelf: {use: toys.shelf@1}
nodes:
  find: {use: toys.find@1, config: {letter: a}, resources: {shelf: shelf}, inputs: {query: query}}
  say: {use: toys.say@1, inputs: {ranking: find}}
output: say
thresholds: {evidence: say.threshold}
"""
ENTRY = "certificate: {path: certificate.json, on_invalid: REACTION}\n"


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {one.name: one for one in (toys.Shelf, toys.Find, toys.Say, toys.Polish)}
    monkeypatch.setattr(registry, "_plugins", lambda: found)


def pipeline(folder: Path, reaction: str = "refuse", text: str = TEXT) -> Pipeline:
    built = build_text(text + ENTRY.replace("REACTION", reaction), name="p.yaml", base=folder)
    built.start()
    return built


def certify(folder: Path, *, skill: float = 5.0, **changes: Any) -> Any:
    world = World(skill=skill, prefix=changes.pop("prefix", "q"))

    def observe(items: Any, gates: Any) -> Any:
        opened = {"confidence": None, "evidence": gates["evidence"]}
        return world.observe(items, opened)

    return calibrate(
        observe,
        world.items(),
        Settings(**({"risks": risks(0.3), "thresholds": ("evidence",)} | changes)),
        parts=pipeline(folder).parts(),
        certificate_path=folder / "certificate.json",
        created=NOON,
    )


def test_canonical_json_matches_the_worked_digest() -> None:
    text = canonical_json({"λ": 0.1, "a": "e\u0301", "b": [1, 2.5, None]})
    assert (
        hashlib.sha256(text).hexdigest()
        == "42a87fdfb0ef512268bab999937849afc9ab6c5c75d967a3bd813dc23da42d56"
    )
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical_json(bad)


def test_a_pipeline_that_names_no_certificate_runs_as_it_is(tmp_path: Path) -> None:
    built = build_text(TEXT, name="p.yaml", base=tmp_path)
    built.start()
    applied = apply(built)
    assert (applied.pipeline, applied.status, applied.differences) == (built, "NONE", ())


def test_a_valid_certificate_sets_its_thresholds_and_stamps_its_id(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    applied = apply(pipeline(tmp_path))
    assert applied.status == "VALID"
    assert applied.differences == ()
    config = applied.pipeline.steps["say"].node.config
    assert config.threshold == certificate.values["evidence"]
    outcome = applied.pipeline.run(toys.ask()).outcome
    assert outcome is not None
    assert outcome.certificate == certificate.id


def test_what_nothing_is_certified_for_abstains_on_everything(tmp_path: Path) -> None:
    certificate = certify(tmp_path, skill=0.0, risks=risks(0.05))
    applied = apply(pipeline(tmp_path))
    assert applied.status == "VALID"
    record = applied.pipeline.run(toys.ask())
    assert isinstance(record.outcome, Abstention)
    assert record.outcome.reason is AbstentionReason.CERTIFICATE_VOID
    assert certificate.status == "NOT_CERTIFIABLE"


def test_a_missing_certificate_is_met_as_the_file_says(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"missing[\s\S]*assay calibrate run"):
        apply(pipeline(tmp_path))
    abstaining = apply(pipeline(tmp_path, "abstain"))
    assert isinstance(abstaining.pipeline.run(toys.ask()).outcome, Abstention)
    uncertified = apply(pipeline(tmp_path, "uncertified"))
    assert isinstance(uncertified.pipeline.run(toys.ask()).outcome, Answer)
    for applied in (abstaining, uncertified):
        assert applied.status == "MISSING"
        assert "no certificate at" in applied.differences[0]


def test_a_changed_pipeline_is_met_as_the_file_says(tmp_path: Path) -> None:
    certificate = certify(tmp_path)
    changed = TEXT.replace("letter: a", "letter: b")
    with pytest.raises(CertificateError, match=r"node 'find': config.letter was \"a\", now \"b\""):
        apply(pipeline(tmp_path, text=changed))
    abstaining = apply(pipeline(tmp_path, "abstain", changed))
    outcome = abstaining.pipeline.run(toys.ask()).outcome
    assert isinstance(outcome, Abstention)
    assert "config.letter" in outcome.detail
    uncertified = apply(pipeline(tmp_path, "uncertified", changed))
    assert uncertified.status == "VOID"
    config = uncertified.pipeline.steps["say"].node.config
    assert config.threshold == certificate.values["evidence"]
    record = uncertified.pipeline.run(toys.ask())
    assert record.certificate is None


def test_thresholds_in_the_file_are_no_difference_but_new_nodes_and_names_are(
    tmp_path: Path,
) -> None:
    certificate = certify(tmp_path)
    moved = TEXT.replace(
        "say: {use: toys.say@1, ", "say: {use: toys.say@1, config: {threshold: 0.25}, "
    )
    assert check(certificate, pipeline(tmp_path, text=moved)) == []
    longer = TEXT.replace(
        "output: say", "  end: {use: toys.polish@1, inputs: {answer: say}}\noutput: end"
    )
    assert check(certificate, pipeline(tmp_path, text=longer)) == [
        "node 'end' was added",
        'the pipeline: output was "say", now "end"',
    ]
    renamed = TEXT.replace("{evidence: say.", "{other: say.")
    assert check(certificate, pipeline(tmp_path, text=renamed)) == [
        'the pipeline: thresholds.evidence was "say.threshold", now absent',
        'the pipeline: thresholds.other was absent, now "say.threshold"',
    ]
    applied = apply(pipeline(tmp_path, "uncertified", renamed))
    assert applied.pipeline.steps["say"].node.config.threshold is None


def test_each_part_that_changes_is_named_alone() -> None:
    before = {
        "nodes": {"a": {"use": "x", "code": "1", "config": {"prompt": "p" * 200, "k": 5}}},
        "resources": {"m": {"use": "y", "code": "2", "fingerprint": "f"}},
        "libraries": {"numpy": "2.3"},
    }

    def changed(path: str, value: object) -> list[str]:
        after = json.loads(json.dumps(before))
        *heads, last = path.split("/")
        place = after
        for head in heads:
            place = place[head]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return differences(leaves(before), leaves(after))

    assert changed("nodes/a/config/k", 6) == ["node 'a': config.k was 5, now 6"]
    assert changed("nodes/a/code", "9") == ["node 'a': its code changed"]
    assert changed("resources/m/fingerprint", "g") == [
        'resource \'m\': fingerprint was "f", now "g"'
    ]
    assert changed("resources/m", None) == ["resource 'm' was removed"]
    assert changed("libraries/numpy", "2.4") == [
        'the pipeline: libraries.numpy was "2.3", now "2.4"'
    ]
    (long,) = changed("nodes/a/config/prompt", "q" * 200)
    assert long.startswith("node 'a': config.prompt was sha256:")
    assert differences(leaves(before), leaves(before)) == []


def test_an_expired_certificate_is_void(tmp_path: Path) -> None:
    certificate = certify(tmp_path, expires=date(2026, 2, 1))
    built = pipeline(tmp_path)
    assert check(certificate, built, now=datetime(2026, 2, 1, 23, tzinfo=UTC)) == []
    late = datetime(2026, 2, 2, tzinfo=UTC)
    assert check(certificate, built, now=late) == ["the certificate expired after 2026-02-01"]
    with pytest.raises(CertificateError, match="expired"):
        apply(built, now=late)


def test_a_certificate_with_a_warning_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    certify(tmp_path)
    certify(tmp_path, allow_retired=True)
    with pytest.raises(CertificateError, match="retired"):
        apply(pipeline(tmp_path))
    assert apply(pipeline(tmp_path), strict=False).status == "VALID"


def _edited(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "0"
        case None:
            return "new"
        case list():
            return [*value, value[0] if value else 1]
        case dict():
            return {**value, "new": 1}


def test_every_field_that_is_edited_shows_under_every_reaction(tmp_path: Path) -> None:
    certify(tmp_path)
    file = tmp_path / "certificate.json"
    original = json.loads(file.read_text())
    for name, value in original.items():
        file.write_text(json.dumps({**original, name: _edited(value)}))
        for reaction in ("refuse", "abstain", "uncertified"):
            with pytest.raises(CertificateError):
                apply(pipeline(tmp_path, reaction))
    for text in ("", "[]", "{}", '{"schema": "assay-certificate/2", "id": "x"}'):
        file.write_text(text)
        with pytest.raises(CertificateError):
            load_certificate(file)
    file.write_text(json.dumps(original))
    assert apply(pipeline(tmp_path)).status == "VALID"


def test_verify_finds_what_the_id_cannot(tmp_path: Path) -> None:
    run(World(skill=5.0), tmp_path)
    path = tmp_path / "certificate.json"
    files, certificate = Files(path), load_certificate(path)

    def with_fields(**changes: Any) -> tuple[str, ...]:
        forged = type(certificate).sealed(
            {k: v for k, v in certificate.to_json().items() if k not in ("id", "schema")} | changes
        )
        path.write_text(json.dumps(forged.to_json()))
        log = files.attempts.read_text().replace(certificate.id, forged.id)
        kept, _ = files.attempts.read_bytes(), files.attempts.write_text(log)
        try:
            return verify(path)
        finally:
            files.attempts.write_bytes(kept)

    plain = certificate.to_json()
    assert with_fields() == ()
    assert "statement" in with_fields(statement="nothing ever goes wrong")[0]
    better = [{**plain["risks"][0], "k": plain["risks"][0]["k"] + 1}, *plain["risks"][1:]]
    assert "risks" in with_fields(risks=better)[0]
    assert (
        "thresholds"
        in with_fields(thresholds={name: {"hex": "0x0.0p+0", "dec": 0.0} for name in NAMES})[0]
    )
    assert any("earlier attempts" in one for one in with_fields(attempt=2))
    assert any("delta_spent" in one for one in with_fields(delta_spent=0.05))
    assert any(
        "other questions" in one for one in with_fields(data={**plain["data"], "certify": "0"})
    )
    assert with_fields(path_sha256="0") == (
        "certificate.path.json is not the path that was walked",
    )


def test_verify_finds_changed_and_missing_files(tmp_path: Path) -> None:
    run(World(skill=5.0), tmp_path)
    path = tmp_path / "certificate.json"
    files = Files(path)
    kept = files.ledger.read_bytes()
    files.ledger.write_bytes(kept.replace(b'"right":false', b'"right":true', 1))
    assert verify(path) == ("certificate.ledger.jsonl is not the ledger of this certificate",)
    files.ledger.write_bytes(kept)
    assert verify(path) == ()
    log = files.attempts.read_bytes()
    files.attempts.unlink()
    assert verify(path) == ("attempts.jsonl is missing beside the certificate",)
    files.attempts.write_bytes(b"")
    assert verify(path) == ("attempts.jsonl does not know the certificate's attempt",)
    files.attempts.write_bytes(log)
    assert verify(path) == ()


def test_verify_has_nothing_to_verify_where_nothing_is_certified(tmp_path: Path) -> None:
    run(World(skill=0.0), tmp_path)
    assert "nothing is certified" in verify(tmp_path / "certificate.json")[0]
