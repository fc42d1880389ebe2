"""A runner asks each question once, over the right corpus, and never takes a wrong record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay.evaluation.suites.ranking_change import RankingChange
from assay.evaluation.suites.runner_abilities import ChangesRankings, Writes
from assay.evaluation.suites.running import PipelineRunner
from assay.pipeline import Abstention, Answer, Node, Selection, register, registry
from assay.pipeline.errors import DataError, UsageError
from tests.evaluation.suites.small import PIPELINE, loader, runner, towns

DATA = towns()


@register("toys.counted@1")
class Counted(Node):
    """Quotes the first passage and counts how often it is asked; may be told to fail."""

    asked = 0
    broken = False

    def run(self, selection: Selection | Abstention) -> Answer | Abstention:
        Counted.asked += 1
        if Counted.broken:
            raise ValueError("out of ink")
        if isinstance(selection, Abstention):
            return selection
        return Answer(selection.kept[0].passage.text, (), (selection.kept[0].passage,))


COUNTED = PIPELINE.replace(
    """  quoted:
    use: generate.extractive@1
    config: {answer_sentences: 1}
    resources: {model: judge}
    inputs: {query: query, selection: gate}""",
    "  quoted: {use: toys.counted@1, inputs: {selection: gate}}",
).replace("  judge: {use: models.overlap_cross_encoder@1}\n", "")


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", lambda: {Counted.name: Counted})
    monkeypatch.setattr(Counted, "asked", 0)
    monkeypatch.setattr(Counted, "broken", False)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., PipelineRunner]:
    (tmp_path / "p.yaml").write_text(COUNTED)

    def made(**more: object) -> PipelineRunner:
        path = tmp_path / "p.yaml"
        from tests.evaluation.suites.small import index

        if not (tmp_path / "index").exists():
            index(path, DATA)
        return PipelineRunner(loader(path), tmp_path / "out", **more)  # type: ignore[arg-type]

    return made


def test_a_run_is_taken_from_disk_and_only_new_questions_are_asked(
    make: Callable[..., PipelineRunner],
) -> None:
    with make() as one:
        first = one.run(DATA.queries[:3], label="a")
        assert Counted.asked == 3
        assert [record["query_id"] for record in first] == [q.id for q in DATA.queries[:3]]
    with make() as two:
        assert two.run(DATA.queries[:3], label="a") == first
        assert Counted.asked == 3
        two.run(DATA.queries[:5], label="a")
        assert Counted.asked == 5
        two.run([replace(DATA.queries[0], text="Who else established Aldermoor?")], label="a")
        assert Counted.asked == 6


@pytest.mark.parametrize(
    "change",
    [
        {"label": "b"},
        {"overrides": ("chosen.k=2",)},
        {"documents": DATA.documents[:2]},
    ],
)
def test_another_run_is_asked_anew(
    make: Callable[..., PipelineRunner], change: dict[str, object]
) -> None:
    with make() as one:
        one.run(DATA.queries[:2], label="a")
        one.run(DATA.queries[:2], **({"label": "a"} | change))  # type: ignore[arg-type]
    assert Counted.asked == 4


def test_another_seed_threshold_or_pipeline_is_asked_anew(
    make: Callable[..., PipelineRunner], tmp_path: Path
) -> None:
    for more in ({}, {"seed": 1}, {"overrides": ("gate.threshold=0.25",)}):
        with make(**more) as one:
            one.run(DATA.queries[:1], label="a")
    (tmp_path / "p.yaml").write_text(COUNTED.replace("{k: 20}", "{k: 19}"))
    with make() as one:
        one.run(DATA.queries[:1], label="a")
    assert Counted.asked == 4


def test_documents_make_a_corpus_of_exactly_these_passages_and_leave_the_own_one(
    make: Callable[..., PipelineRunner], tmp_path: Path
) -> None:
    other = [
        replace(DATA.documents[0], text="The village of Aldermoor was established by nobody."),
        DATA.documents[1],
    ]
    with make() as one:
        (aside,) = one.run(DATA.queries[:1], label="a", documents=other)
        assert "nobody" in aside["answer"]["text"]
        (again,) = one.run(DATA.queries[4:5], label="b", documents=DATA.documents[:2])
        assert {hit["id"] for hit in again["stages"]["found"]["passages"]} <= {
            "aldermoor",
            "brackenfell",
        }
        (own,) = one.run(DATA.queries[:1], label="a")
        assert "Harriet Blythe" in own["answer"]["text"]
        assert (tmp_path / "out" / "aside").exists()
    assert not (tmp_path / "out" / "aside").exists()


def test_a_corpus_aside_keeps_the_threshold_in_force(make: Callable[..., PipelineRunner]) -> None:
    with make(overrides=("gate.threshold=1000.0",)) as one:
        (own,) = one.run(DATA.queries[:1], label="a")
        (aside,) = one.run(DATA.queries[:1], label="a", documents=DATA.documents)
        assert own["outcome"] == aside["outcome"] == "abstained"
        (lower,) = one.run(
            DATA.queries[:1], label="a", documents=DATA.documents, overrides=("gate.threshold=0.0",)
        )
        assert lower["outcome"] == "answered"


def test_a_failed_question_is_asked_again_and_a_line_that_was_cut_off_too(
    make: Callable[..., PipelineRunner], tmp_path: Path
) -> None:
    with make() as one:
        Counted.broken = True
        assert one.run(DATA.queries[:1], label="a")[0]["outcome"] == "failed"
        Counted.broken = False
        before = Counted.asked
        assert one.run(DATA.queries[:2], label="a")[0]["outcome"] == "answered"
        assert Counted.asked == before + 2
        (file,) = (tmp_path / "out" / "records").iterdir()
        whole = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(whole[:-1]) + whole[-1][:20])
        before = Counted.asked
        one.run(DATA.queries[:2], label="a")
        assert Counted.asked == before + 1
        assert len(file.read_bytes().splitlines()) == 3
        file.write_text('{"key": 1}\n' + file.read_text())
        with pytest.raises(DataError, match=r"jsonl:1 is damaged .*remove the file"):
            one.run(DATA.queries[:2], label="a")


def test_a_changed_ranking_is_a_run_of_its_own(make: Callable[..., PipelineRunner]) -> None:
    with make() as one:
        (first,) = one.run(DATA.queries[:1], label="a")
        change = {DATA.queries[0].id: RankingChange(insert=((0, "fernleigh"),))}
        (second,) = one.run_changed(DATA.queries[:1], label="a", changes=change)
        assert second["stages"]["found"]["passages"][0]["id"] == "fernleigh"
        assert first["stages"]["found"]["passages"][0]["id"] == "aldermoor"
        with pytest.raises(UsageError, match="no node 'fond'"):
            one.run_changed(DATA.queries[:1], label="c", changes=change, node="fond")


def test_wrong_input_is_one_clear_error(
    make: Callable[..., PipelineRunner], tmp_path: Path
) -> None:
    with make() as one:
        with pytest.raises(DataError, match="two questions of the run 'a' have one id"):
            one.run([DATA.queries[0], DATA.queries[0]], label="a")
        with pytest.raises(UsageError, match="no language model that generates"):
            one.write(["Say it"], max_tokens=3, stop=())
    assert isinstance(one, ChangesRankings)
    assert isinstance(one, Writes)


def test_a_language_model_is_lent_without_the_rest_of_the_pipeline(tmp_path: Path) -> None:
    text = (
        PIPELINE.replace(
            "resources:\n",
            "resources:\n  writer: {use: models.echo@1, config: {rules:"
            " [{when: 'Question: 1', say: 'That is one.'}], otherwise: 'Another.'}}\n",
        )
        .replace(
            """  quoted:
    use: generate.extractive@1
    config: {answer_sentences: 1}
    resources: {model: judge}
""",
            """  quoted:
    use: generate.llm@1
    resources: {model: writer}
""",
        )
        .replace("  judge: {use: models.overlap_cross_encoder@1}\n", "")
    )
    (tmp_path / "p.yaml").write_text(text)
    with PipelineRunner(loader(tmp_path / "p.yaml"), tmp_path / "out", batch=2) as one:
        said = one.write(
            [("x\n", f"Question: {n}?") for n in range(3)], max_tokens=20, stop=("\n",)
        )
    assert said == ["Another.", "That is one.", "Another."]


def test_the_corpus_of_the_pipeline_must_be_one_of_this_machine(tmp_path: Path) -> None:
    with runner(tmp_path) as one:
        path = tmp_path / "p.yaml"
        path.write_text(
            path.read_text()
            .replace(
                "nodes:\n",
                "  more: {use: corpora.local@1, config: {path: index}}\nnodes:\n"
                "  again: {use: retrieve.bm25@1, config: {k: 2}, resources: {corpus: more},"
                " inputs: {query: query}}\n"
                "  both: {use: fuse.rrf@1, inputs: {rankings: {a: found, b: again}}}\n",
            )
            .replace("ranking: found", "ranking: both")
            .replace("kind: bm25", "kind: rrf")
        )
        with pytest.raises(UsageError, match=r"exactly one.*corpus .corpora.local@1., more"):
            one.run(DATA.queries[:1], label="a", documents=DATA.documents)


def test_progress_is_told_by_the_name_of_the_run(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with runner(tmp_path, batch=5, tell=lambda *one: told.append(one)) as one:
        one.run(DATA.queries[:7], label="my run")
    assert [one for one in told if one[0] == "my run"] == [("my run", 5, 7), ("my run", 7, 7)]
    (file,) = (tmp_path / "out" / "records").iterdir()
    assert file.name.startswith("my-run-")
    assert json.loads(file.read_text().splitlines()[0])["record"]["query_id"] == "aldermoor-who"
