"""A poisoned twin: the same set, and planted passages that only their question may read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assay.corpora.dataset import LabelledQuery, load
from assay.corpora.matching import is_correct
from assay.evaluation.attack_templates import GENERAL
from assay.evaluation.attacks import ATTACKS
from assay.evaluation.twin import Twin, make_twin, prompt_for_claim, subject_of
from assay.evaluation.twin_file import write_twin
from assay.pipeline.errors import UsageError
from tests.evaluation.made import dataset, document, question
from tests.evaluation.suites.small import towns

DATA = towns()
BY_RULE = [one for one in ATTACKS if one != "written"]


def twin(variants: Sequence[str], sizes: Sequence[int] = (1, 3), **more: object) -> Twin:
    return make_twin(DATA, variants, sizes, templates=GENERAL, **more)  # type: ignore[arg-type]


def planted(made: Twin, query_id: str) -> list[str]:
    return [
        one.text
        for one in made.dataset.documents
        if one.metadata.get("target_qid") == query_id and one.metadata.get("poison") is True
    ]


@pytest.mark.parametrize("variant", BY_RULE)
def test_every_variant_plants_m_different_passages_for_its_own_reader(variant: str) -> None:
    made = twin([variant])
    queries = {one.id: one for one in made.dataset.queries}
    assert len(queries) == 13 + 2 * 12
    attacked = queries["aldermoor-who@" + variant + "-m3"]
    assert attacked.meta["attacked"] is True
    assert attacked.meta["stratum"] == "poisoned"
    assert attacked.meta["cluster"] == "aldermoor"
    assert attacked.meta["roles"] == [f"attack-{attacked.id}"]
    assert attacked.text == DATA.queries[0].text
    assert made.dataset.qrels[attacked.id] == {"aldermoor": 1}
    texts = planted(made, attacked.id)
    assert len(set(texts)) == 3
    assert planted(made, f"aldermoor-who@{variant}-m1") == texts[:1]
    wrong = attacked.meta["incorrect_answer"]
    assert not is_correct(wrong, attacked.answers)
    for text in texts:
        if variant != "hidden":  # some carriers leave no word whole
            assert is_correct(text, (wrong,)) == (variant != "jamming")
        assert not is_correct(text, attacked.answers)
    for one in made.dataset.documents:
        if one.metadata.get("poison") is True:
            assert one.scope.roles == (f"attack-{one.metadata['target_qid']}",)


def test_variants_have_the_forms_that_they_are_named_after() -> None:
    made = twin(["prefix", "none", "keywords", "gold_edit", "repeated"], (1,))
    text = {
        name: planted(made, f"aldermoor-who@{name}-m1")[0]
        for name in ("prefix", "none", "keywords", "gold_edit", "repeated")
    }
    asked = DATA.queries[0].text
    assert text["prefix"].startswith(f"{asked} ")
    assert asked not in text["none"]
    words = text["keywords"].partition(". ")[0].split()
    assert Counter(words) == Counter(["established", "village", "aldermoor"])
    clean = DATA.documents[0].text
    wrong = next(one for one in made.dataset.queries if one.meta.get("attacked")).meta
    assert text["gold_edit"] == clean.replace("Harriet Blythe", wrong["incorrect_answer"])
    assert text["repeated"].count(asked) == 5


def test_the_same_seed_gives_the_same_twin_and_a_limit_takes_some_questions() -> None:
    assert twin(["none"], seed=4) == twin(["none"], seed=4)
    assert twin(["none"], seed=4) != twin(["none"], seed=5)
    some = twin(["none", "hedged"], limit=4)
    assert len(some.attacked) == 4
    assert len(some.dataset.queries) == 4 + 4 * 2 * 2
    assert some.left_out[""] == {"unanswerable": 1}


def test_what_cannot_be_attacked_is_counted() -> None:
    made = twin(["gold_edit"], (1, 5))
    # Four sentences: the edit itself, and three without one of the others.
    assert made.left_out["gold_edit"] == {"fewer than 5 different passages can be made": 12}
    data = dataset(
        [question("a"), question("b", attacked=True), question("c", ())],
        [document("d"), document("x", poison=True, target_qid="b")],
    )
    data = replace(data, queries=(*data.queries, replace(question("e", ("other",)), text="Who?")))
    other = make_twin(data, ["none"], [1], templates=GENERAL)
    assert other.left_out[""] == {"attacked in the set itself": 1, "without an accepted answer": 1}
    assert other.removed == 1
    assert other.attacked == ("a", "e")


def test_planted_passages_lie_where_the_question_is_asked() -> None:
    scope = {"scope": {"field": "county", "value": "north"}}
    queries = tuple(replace(one, meta=scope) for one in DATA.queries[:4])
    made = make_twin(replace(DATA, queries=queries), ["none"], [1], templates=GENERAL)
    found = [one for one in made.dataset.documents if one.metadata.get("poison") is True]
    assert len(found) == 4
    assert {one.metadata["county"] for one in found} == {"north"}


def test_a_language_model_is_asked_until_its_text_says_the_wrong_answer() -> None:
    draws: list[int] = []

    def write(prompts: Sequence[tuple[str, str]], draw: int) -> list[str]:
        draws.append(draw)
        parts = [own.splitlines()[1].removeprefix("Answer: ") for _, own in prompts]
        return ["nothing" if draw == 0 else f"It was {part} ({draw})." for part in parts]

    made = twin(["written"], (2,), write=write, limit=3)
    assert draws == [0, 1, 2]
    for name in made.attacked:
        texts = planted(made, f"{name}@written-m2")
        assert len(set(texts)) == 2
    lazy = make_twin(
        DATA, ["written"], [1], templates=GENERAL, limit=2, write=lambda asked, _: [""] * len(asked)
    )
    assert lazy.left_out["written"] == {"fewer than 1 different passages can be made": 2}
    assert (
        prompt_for_claim("Who\nis it?", "Ann")[1] == "Question: Who is it?\nAnswer: Ann\nPassage:"
    )


@pytest.mark.parametrize(
    ("variants", "sizes", "words"),
    [
        (["prefx"], [1], "did you mean 'prefix'"),
        (["prefix"], [0], "m must be 1 or more"),
        (["hidden"], [9], "'hidden' give 8"),
        (["prefix", "prefix"], [1], "given twice"),
        (["prefix"], [2, 2], "given twice"),
        ([], [1], "at least one variant"),
        (["written"], [1], "--pipeline"),
    ],
)
def test_wrong_input_is_one_clear_error(variants: list[str], sizes: list[int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        twin(variants, sizes)


def test_a_set_in_which_nothing_can_be_attacked_is_refused() -> None:
    data = replace(DATA, queries=DATA.queries[-1:])
    with pytest.raises(UsageError, match="no question of the set 'made' can be attacked"):
        make_twin(data, ["none"], [1], templates=GENERAL)


def test_a_twin_on_disk_is_a_data_set(tmp_path: Path) -> None:
    made = twin(["prefix"], (1,), limit=3)
    write_twin(made, tmp_path / "twin", {"seed": 0, "m": [1]})
    found = load(tmp_path / "twin")
    assert found.queries == tuple(
        LabelledQuery(one.id, one.text, one.answers, one.answerable, one.meta)
        for one in made.dataset.queries
    )
    assert {one.id: (one.text, one.scope) for one in found.documents} == {
        one.id: (one.text, one.scope) for one in made.dataset.documents
    }
    assert found.qrels == made.dataset.qrels
    assert found.info["attack"]["attacked"] == 3
    assert json.loads((tmp_path / "twin" / "info.json").read_text())["twin_of"] == "made"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="no data set"):
        write_twin(made, tmp_path / "mine", {})


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Who wrote Emma?", "wrote Emma"),
        ("In which year did it open?", "year did it open"),
        ("how many people are there", "people are there"),
        ("???", "it"),
        ("What?", "What"),
    ],
)
def test_the_subject_is_the_question_without_how_it_asks(text: str, subject: str) -> None:
    assert subject_of(LabelledQuery("q", text, (), True)) == subject
    assert subject_of(LabelledQuery("q", text, (), True, {"subject": "tea"})) == "tea"


def test_the_shipped_texts_have_the_length_and_variety_that_they_claim() -> None:
    assert len(set(GENERAL.frames)) >= 20
    for frame in GENERAL.frames:
        assert 20 <= len(frame.replace("{subject}", "").replace("{wrong}", "").split()) <= 35
        assert frame.count("{subject}") == frame.count("{wrong}") == 1
    tell_tale = ("contrary to", "surprisingly", "fictional", "alternate", "myth")
    texts = (*GENERAL.frames, *GENERAL.hedged)
    assert not [one for one in texts if any(word in one.lower() for word in tell_tale)]
    assert all(GENERAL.most(one) is None or (GENERAL.most(one) or 0) >= 5 for one in ATTACKS)
