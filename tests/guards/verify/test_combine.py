import pytest

from assay.guards.verify.combine import Combine, CombineConfig
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Flag, Verdict, Verdicts
from tests.guards.verify.selections import selection

KEPT = selection("q", "one", "two", "three")


def verdicts(**flags: Flag) -> Verdicts:
    said = ((one, (flags[one],) if one in flags else ()) for one in KEPT.ids)
    return Verdicts("test", tuple(Verdict(*one) for one in said))


def test_a_check_drops_by_true_by_score_or_not_at_all() -> None:
    checks = {
        "a": verdicts(p0=Flag("echo", 0.9, "it echoes"), p1=Flag("echo", 0.7, "it echoes a bit")),
        "b": verdicts(p2=Flag("instruction", 1.0, "it commands")),
        "c": verdicts(p1=Flag("other", 9.0, "noted")),
    }
    found = Combine(CombineConfig(drop={"a": 0.8, "b": True, "c": False})).run(KEPT, checks)
    assert found.ids == ("p1",)
    assert [(one.hit.passage.id, one.reason) for one in found.dropped] == [
        ("p0", "verifier: it echoes"),
        ("p2", "verifier: it commands"),
    ]


def test_copies_and_contradictions_stay_whatever_the_rule_of_their_check() -> None:
    checks = {"a": verdicts(p0=Flag("near_duplicate", 1, "x"), p1=Flag("identical", 1, "same"))}
    assert Combine(CombineConfig(drop={"a": True})).run(KEPT, checks).ids == ("p0", "p2")
    strict = CombineConfig(drop={"a": True}, keep_flags=())
    assert Combine(strict).run(KEPT, checks).ids == ("p2",)


def test_nothing_is_dropped_without_a_rule() -> None:
    checks = {"a": verdicts(p0=Flag("echo", 1, "x"))}
    assert Combine(CombineConfig()).run(KEPT, checks) == KEPT


def test_the_order_of_the_checks_does_not_matter() -> None:
    one, other = verdicts(p0=Flag("a", 1, "first")), verdicts(p0=Flag("b", 1, "second"))
    node = Combine(CombineConfig(drop={"a": True, "b": True}))
    assert node.run(KEPT, {"b": other, "a": one}) == node.run(KEPT, {"a": one, "b": other})
    assert node.run(KEPT, {"b": other, "a": one}).dropped[0].reason == "verifier: first"


def test_a_rule_for_no_check_is_a_problem_and_an_error() -> None:
    node = Combine(CombineConfig(drop={"ehco": True}))
    assert "did you mean 'echo'" in node.check_ports({"verdicts": ["echo"]})[0]
    with pytest.raises(UsageError, match="no input"):
        node.run(KEPT, {"echo": verdicts()})


def test_a_check_that_left_a_passage_out_is_not_a_pass() -> None:
    with pytest.raises(UsageError, match="p0"):
        Combine(CombineConfig()).run(KEPT, {"a": Verdicts("test", ())})
