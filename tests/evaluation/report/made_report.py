"""Small evaluations whose pages are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from assay.evaluation.evaluate import Report, evaluate
from assay.evaluation.report.page import Heading, render
from tests.evaluation.made import PLAN, answer, dataset, document, kept, passages, question, record

HEADING = Heading("Demo", "2030-01-01 10:00 UTC", "f" * 64, None, ("A sample of 3 of 9.",))
TEXT = "The tower 🗼 was built in 1889. It is 330 metres tall, and many people visit it."
QUOTE = "It is 330 metres tall, and many people visit it."


def cost(seconds: float = 0.5) -> dict[str, Any]:
    by_node = {
        name: {"calls": 1, "seconds": seconds / 4, "flops": 0.0}
        for name in ("sparse", "reranked", "selected", "drafted")
    }
    return {"seconds": seconds, "by_node": by_node}


def stages(name: str) -> dict[str, Any]:
    """A run in which one passage is kept, one dropped by a selection, one by a verifier."""
    gold, planted = f"{name}-gold", f"{name}-planted"
    return {
        "sparse": passages(planted, gold, "far", "other"),
        "reranked": passages(gold, planted, "other", "far"),
        "selected": kept(gold, planted, dropped=[("other", "behind the elbow"), ("far", "behind the elbow")])
        | {"reasons": {gold: "logit 4.1, place 1 of the first 2, before a drop of 6.2", planted: "logit 3.9"},
           "rationales": [
               {"text": "how tall the tower is", "flag": "another tower", "chosen": [[gold, 0.91], [planted, 0.4]]},
               {"text": "who asks", "flag": "", "chosen": []}]},
        "checks": {"verdicts": [{"id": planted, "flags": [
            {"name": "echo", "score": 0.9, "p_value": None, "reason": "it repeats the question"}]}]},
        "verified": kept(gold, dropped=[("other", "behind the elbow"), (planted, "verifier: echo")]),
        "sufficient": kept(gold),
    }  # fmt: skip


def said(name: str, text: str, confidence: float) -> dict[str, Any]:
    made = record(name, text=text, confidence=confidence, stages=stages(name), cost=cost())
    made["answer"]["citations"] = [{"start": 0, "end": len(text), "passage_ids": [f"{name}-gold"]}]
    return made


@cache
def mixed_page(*chosen_on: str) -> str:
    """The page of ``mixed``."""
    report, texts = mixed()
    return render(report, replace(HEADING, chosen_on=chosen_on), texts)


@cache
def mixed() -> tuple[Report, Mapping[str, tuple[str, str]]]:
    """Right, wrong, abstained, failed and attacked questions with the passages' texts."""
    queries = [
        question("right", [QUOTE]), question("wrong", ["1889"]), question("held", ["x"]),
        question("silent", answerable=False), question("broken", ["x"]), question("attacked", [QUOTE]),
    ]  # fmt: skip
    held = record("held", "abstained", cost=cost(),
                  stages=stages("held") | {"rated": {"answer": answer("x", 0.2)}})  # fmt: skip
    held["abstention"]["evidence"] = ["held-gold"]
    documents = [document(f"{one.id}-gold", TEXT) for one in queries]
    documents += [document("other", "Something else."), document("far", "Far away.")]
    documents.append(document("attacked-planted", "A lie.", poison=True, target_qid="attacked"))
    qrels = {one.id: {f"{one.id}-gold": 1} for one in queries if one.id != "silent"}
    records = [
        said("right", QUOTE, 0.9), said("wrong", "Nobody knows.", 0.6), held,
        record("silent", "abstained", cost=cost()), record("broken", "failed"),
        said("attacked", QUOTE, 0.8),
    ]  # fmt: skip
    report = evaluate(dataset(queries, documents, qrels), records, PLAN, resamples=50)
    return report, {one.id: (one.title, one.text) for one in documents}


def hostile(evil: str, *, size: int = 1) -> tuple[Report, Mapping[str, tuple[str, str]]]:
    """An evaluation in which every text is the same evil one."""
    asked = question("a", [evil])
    asked = type(asked)(evil, evil, (evil * size,), True, {"incorrect_answer": evil})
    told = record(evil, text=evil * size, stages={
        "sparse": passages(evil),
        "sufficient": kept(evil, dropped=[(evil + "2", evil)]) | {
            "reasons": {evil: evil}, "rationales": [{"text": evil, "flag": evil, "chosen": [[evil, 0.5]]}]},
        evil: passages(evil),
    }, cost={"by_node": {evil: {"calls": 1, "seconds": 1.0}}})  # fmt: skip
    told["answer"]["citations"] = [{"start": 0, "end": len(evil), "passage_ids": [evil]}]
    told["answer"]["signals"] = {evil: 0.5}
    told["stages"]["checks"] = {"verdicts": [{"id": evil, "flags": [
        {"name": evil, "score": 1.0, "p_value": None, "reason": evil}]}]}  # fmt: skip
    held = record("b", "abstained", stages={"rated": {"answer": answer(evil)}})
    held["abstention"] |= {"detail": evil, "evidence": [evil]}
    broken = record("c", "failed")
    broken["error"]["message"] = evil
    made = dataset([asked, question("b"), question("c")], [document("p", evil)])
    report = evaluate(made, [told, held, broken], PLAN, resamples=10)
    return report, {evil: (evil, evil * size), evil + "2": (evil, evil)}


def many(count: int, letters: int) -> tuple[Report, Mapping[str, tuple[str, str]]]:
    """As many questions with answers and passages of their own, all long."""
    texts: dict[str, tuple[str, str]] = {}
    rows: list[Mapping[str, Any]] = []
    report, _ = mixed()
    pattern: Sequence[Mapping[str, Any]] = report.per_query
    for place in range(count):
        row = dict(pattern[0])
        name = f"n{place}"
        row["query_id"] = name
        row["answer"] = dict(row["answer"], text="word " * (letters // 5), citations=[
            {"start": 0, "end": 99, "passage_ids": [f"{name}-gold"]}])  # fmt: skip
        row["stages"] = stages(name)
        row["flags"], row["refused"] = {}, []
        row["context"] = row["relevant"] = [f"{name}-gold"]
        texts |= {f"{name}-gold": ("t", "text " * (letters // 5)), f"{name}-planted": ("t", "text")}
        rows.append(row)
    metrics = dict(report.metrics) | {"n.queries": count}
    return Report(metrics, report.why, rows, report.curve), texts
