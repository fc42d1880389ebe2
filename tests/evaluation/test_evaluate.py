"""Every figure on small runs that can be reckoned by hand."""

from __future__ import annotations

import json

import pytest

from assay.corpora.dataset import EvidenceSpan
from assay.evaluation.evaluate import evaluate
from assay.pipeline.errors import DataError
from tests.evaluation.made import PLAN, dataset, document, kept, passages, question, record

CONTRACT = """retrieval.ndcg@10 retrieval.recall@10 retrieval.recall@100 retrieval.mrr@10
selection.precision selection.recall selection.f1 selection.size selection.empty
selection.span_recall selection.span_iou selection.fixed_k.1.f1 selection.fixed_k.2.f1
selection.fixed_k.3.f1 selection.fixed_k.5.f1 selection.fixed_k.10.f1 selection.fixed_k.20.f1
selection.best_fixed_k.f1 qa.em qa.f1 qa.numeric abstention.coverage abstention.risk
abstention.auroc abstention.aurc abstention.augrc abstention.coverage@risk05
abstention.coverage@risk10 abstention.wrongful poison.detect.auroc poison.detect.tpr
qa.key_points abstention.eaurc abstention.ece abstention.rcrag.risk
abstention.rcrag.carefulness abstention.rcrag.alignment abstention.rcrag.coverage poison.other
poison.asr_answered poison.detect.precision poison.detect.tpr@fpr01 poison.clean_removed
poison.detect.fpr poison.admitted poison.gold_removed poison.asr poison.correct poison.abstained
cost.calls cost.rounds cost.tokens_in cost.tokens_out cost.tokens_cached cost.flops cost.seconds.p50
cost.seconds.p95 cost.rpp cost.qpp""".split()


def test_every_key_of_the_contract_is_there_with_a_value_or_a_reason() -> None:
    report = evaluate(dataset([question("a")]), [record("a")], PLAN)
    for key in CONTRACT:
        for twin in (key, f"{key}.ci95"):
            assert report.metrics[twin] is not None or report.why[twin], twin
    json.dumps(report.to_json(), allow_nan=False)


def test_rankings_are_scored_in_recorded_order_with_linear_gain() -> None:
    found = dataset([question("a"), question("b")], qrels={"a": {"x": 1, "y": 2}})
    stages = {"sparse": passages("n", "x"), "reranked": passages("x", "n", "y")}
    metrics = evaluate(
        found, [record("a", stages=stages), record("b", stages=stages)], PLAN
    ).metrics
    # (1 + 2 / log2(4)) / (2 + 1 / log2(3)); 'b' has no relevant passage and is left out.
    assert metrics["retrieval.ndcg@10"] == pytest.approx(2 / (2 + 0.63093), abs=1e-5)
    assert metrics["retrieval.mrr@10"] == 1.0
    assert metrics["retrieval.sparse.recall@10"] == 0.5
    assert metrics["retrieval.sparse.mrr@10"] == 0.5


def test_a_failed_question_counts_zero_and_its_message_is_never_an_answer() -> None:
    found = dataset([question("a"), question("b")], qrels={"a": {"x": 1}, "b": {"x": 1}})
    stages = {"reranked": passages("x"), "selected": kept("x"), "sufficient": kept("x")}
    # The error's message is 'right', which is the accepted answer.
    report = evaluate(found, [record("a", stages=stages), record("b", "failed")], PLAN)
    metrics = report.metrics
    assert report.failed == metrics["n.failed"] == 1
    for key in (
        "qa.correct",
        "qa.em",
        "retrieval.recall@10",
        "selection.f1",
        "abstention.coverage",
    ):
        assert metrics[key] == 0.5, key
    assert metrics["abstention.risk"] == 0.0
    assert metrics["selection.size"] == 1.0


def test_selection_is_what_reaches_the_generator() -> None:
    found = dataset([question("a"), question("b")], qrels={"a": {"x": 1, "y": 1}, "b": {"x": 1}})
    records = [
        record("a", stages={"reranked": passages("x", "n", "y"), "selected": kept("x", "n", "y"),
                            "verified": kept("x", "n"), "sufficient": kept("x", "n")}),
        record("b", "abstained", stages={"reranked": passages("x"), "selected": kept("x"),
                                         "verified": kept("x"), "sufficient": {}}),
    ]  # fmt: skip
    metrics = evaluate(found, records, PLAN).metrics
    assert metrics["selection.precision"] == 0.5  # 'b' has no context, so no precision
    assert metrics["selection.recall"] == 0.25
    assert metrics["selection.f1"] == 0.25
    assert metrics["selection.size"] == 1.0
    assert metrics["selection.empty"] == 0.5
    assert metrics["selection.fixed_k.3.f1"] == pytest.approx((4 / 5 + 1) / 2)
    assert metrics["selection.best_fixed_k.f1"] == pytest.approx((4 / 5 + 1) / 2)


def test_spans_are_covered_by_words_and_by_characters() -> None:
    spans = {
        "a": (
            EvidenceSpan("p", 0, 8, "one two "),
            EvidenceSpan("p", 4, 13, "two three"),
            EvidenceSpan("q", 0, 4, "four"),
        )
    }
    documents = [
        document("p", "one two three and so on"),
        document("q", "four"),
        document("r", "xx"),
    ]
    found = dataset([question("a")], documents, {"a": {"p": 1, "q": 1}}, spans)
    metrics = evaluate(found, [record("a", stages={"sufficient": kept("p", "r")})], PLAN).metrics
    assert metrics["selection.span_recall"] == pytest.approx(3 / 4)
    assert metrics["selection.span_iou"] == pytest.approx(13 / (23 + 2 + 4))


def test_abstentions_count_zero_in_answer_quality_and_unanswerable_questions_do_not_count() -> None:
    queries = [question("a"), question("b"), question("u", answerable=False)]
    records = [record("a", text="The right."), record("b", "abstained"), record("u")]
    metrics = evaluate(dataset(queries), records, PLAN).metrics
    assert metrics["qa.em"] == metrics["qa.f1"] == metrics["qa.correct"] == 0.5


def test_numbers_are_compared_with_their_scale() -> None:
    queries = [
        question("a", ["$1,496.5", "$1,496.5 million"], scale="million"),
        question("b", ["12"], scale=""),
        question("c", ["by comparison"], scale=""),
    ]
    records = [record("a", text="$1.4965 billion"), record("b", text="13"), record("c")]
    assert evaluate(dataset(queries), records, PLAN).metrics["qa.numeric"] == 0.5


def flagged(*scores: tuple[str, float | None]) -> dict[str, object]:
    return {
        "verdicts": [
            {
                "id": name,
                "flags": [] if score is None else [
                    {"name": "echo", "score": score, "p_value": None, "reason": "repeats"}
                ],
            }
            for name, score in scores
        ]
    }  # fmt: skip


def test_poison_classes_sum_to_one_and_false_alarms_count_on_clean_questions() -> None:
    queries = [question(name, incorrect_answer="wrong") for name in "abcd"] + [question("e")]
    documents = [document(f"bad-{name}", poison=True, target_qid=name) for name in "abcd"]
    documents += [document("gold"), document("other")]
    verified = {"checks": flagged(("bad-a", 0.9), ("gold", None))}
    records = [
        record("a", text="right, not wrong", stages=verified
               | {"verified": kept("gold", dropped=[("bad-a", "verifier: repeats")]),
                  "sufficient": kept("gold")}),
        record("b", text="It is wrong.", stages={"sufficient": kept("bad-b", "gold")}),
        record("c", "abstained"),
        record("d", text="something else"),
        record("e", stages={"checks": flagged(("gold", 0.5), ("other", None)),
                            "verified": kept("other", dropped=[("gold", "verifier: repeats")])}),
    ]  # fmt: skip
    found = dataset(queries, documents, {"a": {"gold": 1}, "e": {"gold": 1}})
    metrics = evaluate(found, records, PLAN).metrics
    classes = [metrics[f"poison.{one}"] for one in ("correct", "asr", "abstained", "other")]
    assert classes == [0.25] * 4
    assert metrics["poison.admitted"] == 0.25
    assert metrics["poison.detect.tpr"] == 1.0
    assert metrics["poison.detect.fpr"] == pytest.approx(1 / 3)
    assert metrics["poison.detect.auroc"] == 1.0
    assert metrics["poison.gold_removed"] == 0.5


def test_quality_per_petaflop_counts_the_ranking_nodes_only() -> None:
    found = dataset([question("a"), question("b")], qrels={"a": {"x": 1}, "b": {"x": 1}})

    def run(name: str, flops: float, seconds: float) -> dict[str, object]:
        nodes = {"reranked": {"flops": flops}, "drafted": {"flops": 7e15}}
        return record(name, stages={"reranked": passages("x")},
                      cost={"flops": flops + 7e15, "by_node": nodes, "seconds": seconds})  # fmt: skip

    metrics = evaluate(found, [run("a", 1e15, 1.0), run("b", 3e15, 9.0)], PLAN).metrics
    assert metrics["cost.rpp"] == pytest.approx((1 + 1 / 3) / 2)
    assert metrics["cost.qpp"] == pytest.approx(0.5)
    assert metrics["cost.flops"] == pytest.approx(9e15)
    assert (metrics["cost.seconds.p50"], metrics["cost.seconds.p95"]) == (1.0, 9.0)


def test_a_cluster_is_drawn_as_a_whole() -> None:
    alone = [question(f"q{place}") for place in range(40)]
    shared = [question(one.id, cluster=f"c{place // 20}") for place, one in enumerate(alone)]
    records = [
        record(one.id, text="right" if place < 20 else "no") for place, one in enumerate(alone)
    ]
    narrow = evaluate(dataset(alone), records, PLAN).metrics["qa.correct.ci95"]
    wide = evaluate(dataset(shared), records, PLAN).metrics["qa.correct.ci95"]
    assert isinstance(narrow, list)
    assert wide == [0.0, 1.0]
    assert 0.25 < narrow[0] < 0.5 < narrow[1] < 0.75


def test_the_same_seed_gives_the_same_intervals() -> None:
    queries = [question(f"q{place}") for place in range(20)]
    records = [record(one.id, text="right" if place % 3 else "no", confidence=place / 20)
               for place, one in enumerate(queries)]  # fmt: skip
    first, second = (evaluate(dataset(queries), records, PLAN, seed=3) for _ in range(2))
    assert first.metrics == second.metrics
    assert evaluate(dataset(queries), records, PLAN, seed=4).metrics != first.metrics


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "a", "b"]])
def test_records_and_questions_must_match_one_to_one(names: list[str]) -> None:
    with pytest.raises(DataError, match=r"run record|is in the run"):
        evaluate(dataset([question("a"), question("b")]), [record(one) for one in names], PLAN)


def test_a_row_says_what_every_node_put_out_and_how_much_was_cut() -> None:
    many = [f"p{number}" for number in range(30)]
    stages = {
        "reranked": passages(*many),
        "selected": kept("p0", dropped=[(name, "rank") for name in many + many]),
        "said": {"answer": None},
    }
    row = evaluate(dataset([question("a")]), [record("a", stages=stages)], PLAN).per_query[0]
    assert list(row["stages"]) == ["reranked", "selected"]
    assert [one["id"] for one in row["stages"]["reranked"]["passages"]] == many[:20]
    assert row["stages"]["reranked"]["passages"][1] == {"id": "p1", "score": -1.0, "kind": "logit"}
    assert row["stages"]["reranked"]["n_passages"] == 30
    assert row["stages"]["selected"]["kept"] == ["p0"]
    assert len(row["stages"]["selected"]["dropped"]) == 50
    assert row["stages"]["selected"]["dropped"][0] == {"id": "p0", "reason": "rank"}
    assert row["stages"]["selected"]["n_dropped"] == 60
    assert row["record_cost"]["calls"] == 2


def test_a_row_tells_of_each_selection_what_it_dropped_itself_and_its_reasons() -> None:
    first = [(f"p{number}", "rank") for number in range(60)]
    said = {"reasons": {"a": "good"}, "rationales": [{"text": "it", "flag": "", "chosen": []}]}
    stages = {
        "selected": kept("a", "b", dropped=first) | said,
        "verified": kept("a", dropped=[*first, ("b", "verifier: echo")]) | said,
    }
    row = evaluate(dataset([question("a")]), [record("a", stages=stages)], PLAN).per_query[0]
    assert row["stages"]["verified"]["dropped"] == [{"id": "b", "reason": "verifier: echo"}]
    assert row["stages"]["verified"]["n_dropped"] == 61
    assert row["stages"]["selected"]["reasons"] == {"a": "good"}
    assert row["stages"]["selected"]["rationales"] == said["rationales"]
