"""Timeouts, retries, budgets, fallbacks and kept outputs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.pipeline import (
    Abstention,
    AbstentionReason,
    Answer,
    Config,
    Node,
    Pipeline,
    Query,
    RunContext,
    Scope,
    build_text,
    register,
)
from assay.pipeline.errors import (
    BuildError,
    DataError,
    ModelError,
    NodeError,
    UsageError,
    WorldError,
)
from assay.pipeline.policy import NodeTimeout, Policy

ERRORS = {"world": WorldError, "model": ModelError, "data": DataError, "usage": UsageError}
CALLS: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    CALLS.clear()
    yield
    CALLS.clear()


class Flaky(Node):
    """Fails the first ``times`` times with an error of a class; then answers."""

    class Config(Config):
        error: str = "world"
        times: int = 0
        wait: float = 0.0
        spend: int = 0
        tokens: int = 0

    def found(self, query: Query, context: RunContext) -> Answer:
        CALLS.append(self.name)
        context.note(seed=context.seed)
        context.spend(calls=self.config.spend, tokens_out=self.config.tokens)
        if CALLS.count(self.name) <= self.config.times:
            raise ERRORS[self.config.error](f"try {len(CALLS)}")
        return Answer(f"{query.text} {query.scope.tenant}", (), ())


@register("policies.flaky@1")
class PlainFlaky(Flaky):
    def run(self, query: Query, context: RunContext) -> Answer:
        end = time.monotonic() + self.config.wait
        while time.monotonic() < end:
            time.sleep(0.005)
            context.check()
        return self.found(query, context)


@register("policies.slow_flaky@1")
class SlowFlaky(Flaky):
    async def run(self, query: Query, context: RunContext) -> Answer:
        await asyncio.sleep(self.config.wait)
        return self.found(query, context)


@register("policies.spare@1")
class Spare(Node):
    def run(self, query: Query) -> Answer:
        CALLS.append(self.name)
        return Answer("spare", (), ())


@register("policies.slow_spare@1")
class SlowSpare(Node):
    async def run(self, query: Query) -> Answer:
        await asyncio.sleep(0)
        return Answer("spare", (), ())


@register("policies.both@1")
class Both(Node):
    def run(self, answers: Mapping[str, Answer]) -> Answer:
        return Answer("+".join(one.text for one in answers.values()), (), ())


@register("policies.silent@1")
class Silent(Node):
    def run(self, query: Query) -> Answer | Abstention:
        CALLS.append(self.name)
        return Abstention("silent", AbstentionReason.NO_EVIDENCE, "nothing")


KINDS = pytest.mark.parametrize("kind", ["policies.flaky@1", "policies.slow_flaky@1"])


def one(kind: str, config: str = "{}", policy: str = "{}", *, spare: bool = False) -> Pipeline:
    text = f"""
assay: 1
name: one
nodes:
  only: {{use: {kind}, config: {config}, inputs: {{query: query}}, policy: {policy}}}
output: only
"""
    if spare:
        text = text.replace(
            "output", "  spare: {use: policies.spare@1, inputs: {query: query}}\noutput"
        )
    return build_text(text, name="one.yaml", base=Path())


def ask(text: str = "why", tenant: str = "local") -> Query:
    return Query(text, Scope(tenant), id="q")


@KINDS
def test_errors_of_the_world_are_tried_again_with_growing_waits(kind: str) -> None:
    with one(kind, "{times: 2}", "{retry: {times: 2, wait: 0.02}}") as pipeline:
        record = pipeline.run(ask())
    assert record.kind == "answered"
    assert len(CALLS) == 3
    policy = Policy(times=2, wait=0.02)
    waits = [policy.pause(tried, "only") for tried in (0, 1)]
    assert 0.01 <= waits[0] <= 0.03 and 0.02 <= waits[1] <= 0.06
    assert record.seconds >= sum(waits)


@KINDS
@pytest.mark.parametrize("error", ["data", "usage"])
def test_the_callers_mistakes_are_not_tried_again(kind: str, error: str) -> None:
    config = f"{{times: 1, error: {error}}}"
    with one(kind, config, "{retry: {times: 5}}") as pipeline, pytest.raises(NodeError):
        pipeline.run(ask())
    assert len(CALLS) == 1


@KINDS
def test_tries_come_to_an_end(kind: str) -> None:
    policy = "{retry: {times: 2, wait: 0.0}}"
    with one(kind, "{times: 9}", policy) as pipeline, pytest.raises(NodeError) as told:
        pipeline.run(ask())
    assert len(CALLS) == 3
    assert "try 3" in str(told.value)


@KINDS
def test_a_node_that_takes_too_long_fails_in_time(kind: str) -> None:
    with one(kind, "{wait: 3.0}", "{timeout: 0.05}") as pipeline:
        begin = time.perf_counter()
        with pytest.raises(NodeError) as told:
            pipeline.run(ask())
    assert time.perf_counter() - begin < 1.0
    assert isinstance(told.value.cause, NodeTimeout)
    assert "0.05 s" in str(told.value)


@KINDS
def test_a_fallback_takes_the_place_of_what_failed(kind: str) -> None:
    policy = "{fallback: {world: spare}}"
    with one(kind, "{times: 1}", policy, spare=True) as pipeline:
        first, second = pipeline.run(ask()), pipeline.run(ask())
    assert [one.outcome.text for one in (first, second) if isinstance(one.outcome, Answer)] == [
        "spare",
        "why local",
    ]
    assert set(first.stages) == {"only", "spare"}
    assert list(second.stages) == ["only"]
    assert [kind, "policies.spare@1", kind] == CALLS


@pytest.mark.parametrize("asynchronous", ["only", "spare"])
def test_a_fallback_may_be_asynchronous_where_its_node_is_not(asynchronous: str) -> None:
    text = """
assay: 1
name: mixed
nodes:
  only:
    use: ONLY
    config: {times: 1}
    inputs: {query: query}
    policy: {fallback: {world: spare}}
  spare: {use: SPARE, inputs: {query: query}}
output: only
"""
    kinds = {"ONLY": "policies.flaky@1", "SPARE": "policies.slow_spare@1"}
    if asynchronous == "only":
        kinds = {"ONLY": "policies.slow_flaky@1", "SPARE": "policies.spare@1"}
    for name, kind in kinds.items():
        text = text.replace(name, kind)
    with build_text(text, name="m", base=Path()) as pipeline:
        first, second = pipeline.run(ask()), pipeline.batch([ask()])[0]
    assert isinstance(first.outcome, Answer) and first.outcome.text == "spare"
    assert isinstance(second.outcome, Answer) and second.outcome.text == "why local"


@KINDS
def test_a_fallback_may_be_a_node_that_runs_anyway(kind: str) -> None:
    text = f"""
assay: 1
name: both
nodes:
  only:
    use: {kind}
    config: {{times: 1}}
    inputs: {{query: query}}
    policy: {{fallback: {{world: spare}}}}
  spare: {{use: policies.spare@1, inputs: {{query: query}}}}
  last: {{use: policies.both@1, inputs: {{answers: {{only: only, spare: spare}}}}}}
output: last
"""
    with build_text(text, name="b", base=Path()) as pipeline:
        first, second = pipeline.run(ask()), pipeline.batch([ask()])[0]
    assert isinstance(first.outcome, Answer) and first.outcome.text == "spare+spare"
    assert isinstance(second.outcome, Answer) and second.outcome.text == "why local+spare"
    assert CALLS.count("policies.spare@1") == 2


@KINDS
def test_what_failed_tries_spent_stays_on_the_account_and_in_the_budget(kind: str) -> None:
    with one(kind, "{times: 1, spend: 3}", "{retry: {times: 1, wait: 0.0}}") as pipeline:
        assert pipeline.run(ask()).cost["only"].calls == 6
    CALLS.clear()
    policy = "{retry: {times: 1, wait: 0.0}, budget: {calls: 5}}"
    with one(kind, "{times: 1, spend: 3}", policy) as pipeline:
        outcome = pipeline.run(ask()).outcome
    assert isinstance(outcome, Abstention) and "6 calls, its budget is 5" in outcome.detail


def test_a_budget_on_a_node_that_keeps_no_account_is_refused() -> None:
    with pytest.raises(BuildError, match=r"one\.yaml:5:\d+: policies\.spare@1 keeps no account"):
        one("policies.spare@1", policy="{budget: {calls: 4}}")


def test_a_fallback_is_for_its_class_of_errors_only() -> None:
    policy = "{fallback: {model: spare}}"
    config = "{times: 1, error: world}"
    with one("policies.flaky@1", config, policy, spare=True) as pipeline, pytest.raises(NodeError):
        pipeline.run(ask())
    CALLS.clear()
    with one("policies.flaky@1", "{times: 1, error: model}", policy, spare=True) as pipeline:
        assert pipeline.run(ask()).kind == "answered"


def test_a_budget_that_is_used_up_is_an_abstention() -> None:
    with one("policies.flaky@1", "{spend: 5}", "{budget: {calls: 4}}") as pipeline:
        outcome = pipeline.run(ask()).outcome
    assert isinstance(outcome, Abstention)
    assert outcome.reason is AbstentionReason.BUDGET
    assert "5 calls, its budget is 4" in outcome.detail
    with one("policies.flaky@1", "{spend: 4}", "{budget: {calls: 4}}") as pipeline:
        assert pipeline.run(ask()).kind == "answered"
    with one("policies.flaky@1", "{tokens: 9}", "{budget: {tokens: 8}}") as pipeline:
        outcome = pipeline.run(ask()).outcome
    assert isinstance(outcome, Abstention) and "9 tokens, its budget is 8" in outcome.detail
    with one("policies.flaky@1", "{wait: 3.0}", "{budget: {seconds: 0.05}}") as pipeline:
        record = pipeline.run(ask())
    assert record.kind == "abstained" and record.seconds < 1.0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache.sqlite"))
    return tmp_path / "cache.sqlite"


@KINDS
def test_a_kept_output_is_not_computed_again_and_the_record_is_the_same(
    cache: Path, kind: str
) -> None:
    for _ in range(2):
        with one(kind, "{spend: 2}", "{cache: true}") as pipeline:
            records = [pipeline.run(ask()), pipeline.run(ask())]
        assert records[0].outcome == records[1].outcome
        assert records[0].stages == records[1].stages
    assert len(CALLS) == 1
    assert records[1].cost["only"].calls == 0


@pytest.mark.parametrize(
    ("query", "seed", "config"),
    [
        (ask("how"), 0, "{}"),
        (ask(tenant="other"), 0, "{}"),
        (ask(), 1, "{}"),
        (ask(), 0, "{spend: 1}"),
    ],
    ids=["another question", "another tenant", "another seed", "another config"],
)
def test_what_an_output_depends_on_is_in_its_key(
    cache: Path, query: Query, seed: int, config: str
) -> None:
    with one("policies.flaky@1", "{}", "{cache: true}") as pipeline:
        pipeline.run(ask(), seed=0)
    with one("policies.flaky@1", config, "{cache: true}") as pipeline:
        pipeline.run(query, seed=seed)
    assert len(CALLS) == 2


def test_abstentions_and_errors_are_not_kept(cache: Path) -> None:
    with one("policies.silent@1", policy="{cache: true}") as pipeline:
        assert [pipeline.run(ask()).kind for _ in range(2)] == ["abstained"] * 2
    assert len(CALLS) == 2
    with one("policies.flaky@1", "{times: 1}", "{cache: true}") as pipeline:
        with pytest.raises(NodeError):
            pipeline.run(ask())
        assert pipeline.run(ask()).kind == "answered"


def test_batches_obey_policies_too(cache: Path) -> None:
    policy = "{cache: true, retry: {times: 1, wait: 0.0}}"
    with one("policies.flaky@1", "{times: 1}", policy) as pipeline:
        records = pipeline.batch([ask("a"), ask("b"), ask("a")])
    assert [record.kind for record in records] == ["answered"] * 3
    assert len(CALLS) == 3


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("{timeot: 1}", "unknown key 'timeot'; did you mean 'timeout'?"),
        ("{timeout: 0}", "'timeout': Input should be greater than 0"),
        ("{retry: {}}", "'retry' needs 'times'"),
        ("{retry: {times: 11}}", "'times': Input should be less than or equal to 10"),
        ("{retry: {times: 1, wiat: 2}}", "unknown key 'wiat'; did you mean 'wait'?"),
        ("{budget: {calls: 0}}", "'calls': Input should be greater than or equal to 1"),
        ("{cache: 1}", "'cache': Input should be a valid boolean"),
        ("{fallback: {wrold: spare}}", "Input should be"),
        ("{fallback: {world: spair}}", "no other node 'spair'; did you mean 'spare'?"),
        ("{fallback: {world: only}}", "no other node 'only'"),
        ("[1]", "'policy' must be a mapping"),
    ],
)
def test_a_wrong_policy_is_told_at_its_place(policy: str, words: str) -> None:
    with pytest.raises(BuildError) as told:
        one("policies.flaky@1", policy=policy, spare=True)
    assert any(words in line and line.startswith("one.yaml:5:") for line in _lines(told.value))


def test_a_fallback_must_give_what_its_node_promised() -> None:
    @register("policies.text@1")
    class Text(Node):
        def run(self, query: Query) -> str:
            return query.text

    with pytest.raises(BuildError, match="'only' gives Answer; 'spare' gives str"):
        build_text(
            """
assay: 1
name: one
nodes:
  only: {use: policies.flaky@1, inputs: {query: query}, policy: {fallback: {any: spare}}}
  spare: {use: policies.text@1, inputs: {query: query}}
output: only
""",
            name="one.yaml",
            base=Path(),
        )


def _lines(error: Any) -> list[str]:
    return [str(problem) for problem in error.problems]
