"""What the robustness suite changes: questions, passages, rankings, each with its rule."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.document import Document
from assay.corpora.matching import is_correct
from assay.evaluation.suites.mistyping import OPERATORS, with_typos
from assay.evaluation.suites.paraphrase import reworded_question, with_noise
from assay.evaluation.suites.ranking_change import RankingChange
from assay.evaluation.suites.sentence_edits import (
    Needed,
    about,
    reworded,
    shortened,
    shuffled,
    with_answer,
)
from assay.evaluation.wrong_answers import wrong_answer

Family = Literal["question", "passage", "ranking"]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One change, and the questions that it is made for.

    Args:
        name: of its row; disturbances of one name share a row.
        family: what is changed.
        queries: what is asked; ids are those of the set.
        documents: the corpus; None for that of the set as it is.
        changes: question id to what happens to its ranking.
        instead: question id to the answer that stands in the passages now.
        may_abstain: whether an abstention is right as well.
        left_out: reason to the number of questions that it is not made for.
    """

    name: str
    family: Family
    queries: tuple[LabelledQuery, ...]
    documents: tuple[Document, ...] | None = None
    changes: Mapping[str, RankingChange] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    may_abstain: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)


Paraphrase = Callable[[Sequence[str]], Sequence[str]]
"""Questions in other words, one each."""


def by_rules(texts: Sequence[str]) -> list[str]:
    """Questions in other words, by ``paraphrase``."""
    return [reworded_question(text).text for text in texts]


def question_changes(
    dataset: Dataset, *, typos: int, paraphrase: Paraphrase, seed: int
) -> Iterator[Disturbance]:
    """Questions mistyped, in other words, and among words that say nothing."""
    queries = dataset.queries
    texts = [one.text for one in queries]
    mistyped = [
        with_typos(one.text, typos, OPERATORS, _generator(seed, "typos", one))[0] for one in queries
    ]
    noisy = [with_noise(one.text, _generator(seed, "noise", one)) for one in queries]
    for name, made in (
        ("question mistyped", mistyped),
        ("question reworded", paraphrase(texts)),
        ("question among noise", noisy),
    ):
        pairs = list(zip(queries, made, strict=True))
        other = tuple(replace(one, text=text) for one, text in pairs if text != one.text)
        left_out = {"its words cannot be changed": len(pairs) - len(other)}
        yield Disturbance(name, "question", other, left_out=left_out)


def passage_changes(dataset: Dataset, *, rounds: int, seed: int) -> Iterator[Disturbance]:
    """Relevant passages edited so that the answer stays, and so that it is another one."""
    needed = _needed(dataset)
    edits: dict[str, Callable[[Document], str]] = {
        "passage reworded": lambda one: reworded(one.text, needed[one.id]),
        "unrelated sentences cut": lambda one: shortened(one.text, needed[one.id]),
        "sentences shuffled": lambda one: shuffled(
            one.text, needed[one.id], random.Random(f"{seed}|shuffled|{one.id}")
        ),
    }
    for name, edit in edits.items():
        made = {
            one.id: text
            for one in dataset.documents
            if one.id in needed and (text := edit(one)) != one.text
        }
        documents = tuple(
            replace(one, text=made[one.id]) if one.id in made else one for one in dataset.documents
        )
        with_passages = [one for one in dataset.queries if _answered_by(one, dataset)]
        touched = tuple(
            one for one in with_passages if any(name in made for name in _relevant(dataset, one.id))
        )
        left_out = {
            "no sentence of its passages can be changed": len(with_passages) - len(touched),
            "it has no answer or no relevant passage": len(dataset.queries) - len(with_passages),
        }
        yield Disturbance(name, "passage", touched, documents=documents, left_out=left_out)
    yield from _answers_replaced(dataset, rounds=rounds, seed=seed)


def _answers_replaced(dataset: Dataset, *, rounds: int, seed: int) -> Iterator[Disturbance]:
    """Another answer of the same type in the place of the right one.

    Questions that share a passage are asked in different rounds, each over a corpus of
    its own, so that no edit meets another one.
    """
    texts = {one.id: one for one in dataset.documents}
    left_out: Counter[str] = Counter()
    taken: list[dict[str, Document]] = [{} for _ in range(rounds)]
    asked: list[list[LabelledQuery]] = [[] for _ in range(rounds)]
    instead: list[dict[str, str]] = [{} for _ in range(rounds)]
    for query in dataset.queries:
        names = [name for name in _relevant(dataset, query.id) if name in texts]
        if not _answered_by(query, dataset):
            left_out["it has no answer or no relevant passage"] += 1
            continue
        wrong = wrong_answer(query, dataset.queries, _generator(seed, "instead", query))
        if wrong is None:
            left_out["no other answer of its type is known"] += 1
            continue
        edited = _with_answer([texts[name] for name in names], query, wrong.text)
        if edited is None:
            left_out["its answer does not stand word for word in a relevant passage"] += 1
            continue
        free = next((n for n in range(rounds) if taken[n].keys().isdisjoint(names)), None)
        if free is None:
            left_out["it shares a passage with another question (more rounds ask it)"] += 1
            continue
        # All its passages are taken: an edit for another question could change them too.
        taken[free] |= {name: texts[name] for name in names} | edited
        asked[free].append(query)
        instead[free][query.id] = wrong.text
    for number in range(rounds):
        if number and not asked[number]:
            break
        yield Disturbance(
            "answer replaced",
            "passage",
            tuple(asked[number]),
            documents=tuple(taken[number].get(one.id, one) for one in dataset.documents),
            instead=instead[number],
            may_abstain=True,
            left_out=left_out if number == 0 else {},
        )


def _with_answer(
    passages: Sequence[Document], query: LabelledQuery, wrong: str
) -> dict[str, Document] | None:
    """The passages that held the answer, with another one; None where one cannot be edited."""
    edited = {}
    for one in passages:
        title = _instead(one.title, query.answers, wrong)
        text = _instead(one.text, query.answers, wrong)
        if title is None or text is None:
            return None
        if (title, text) != (one.title, one.text):
            edited[one.id] = replace(one, title=title, text=text)
    held = any(is_correct(edited[name].text, (wrong,)) for name in edited)
    return edited if held else None


def _instead(text: str, right: Sequence[str], wrong: str) -> str | None:
    """A text with another answer where it holds the right one; None where that fails."""
    return with_answer(text, right, wrong) if is_correct(text, right) else text


def ranking_changes(
    dataset: Dataset, *, distractors: int, depth: int, seed: int
) -> Iterator[Disturbance]:
    """Rankings without the relevant passages, with others in between, in another order."""
    able = tuple(one for one in dataset.queries if _answered_by(one, dataset))
    yield Disturbance(
        "relevant passages missing",
        "ranking",
        able,
        changes={one.id: RankingChange(remove=_relevant(dataset, one.id)) for one in able},
        may_abstain=True,
        left_out={"it has no answer or no relevant passage": len(dataset.queries) - len(able)},
    )
    put_in = {
        one.id: _distractors(dataset, one, distractors, depth, seed) for one in dataset.queries
    }
    reached = tuple(one for one in dataset.queries if put_in[one.id])
    yield Disturbance(
        "distractors put in",
        "ranking",
        reached,
        changes={one.id: RankingChange(insert=put_in[one.id]) for one in reached},
        left_out={
            "no other question's passage may be read for it": len(dataset.queries) - len(reached),
        },
    )
    orders = {}
    for one in dataset.queries:
        order = list(range(depth))
        _generator(seed, "order", one).shuffle(order)
        orders[one.id] = RankingChange(order=tuple(order))
    yield Disturbance("ranking shuffled", "ranking", dataset.queries, changes=orders)


def _distractors(
    dataset: Dataset, query: LabelledQuery, count: int, depth: int, seed: int
) -> tuple[tuple[int, str], ...]:
    """Other questions' relevant passages that the asker may read, and where they are put."""
    scope, roles = query.meta.get("scope"), set(query.meta.get("roles", ()))
    own = dataset.qrels.get(query.id, {})
    theirs = {
        name for grades in dataset.qrels.values() for name, grade in grades.items() if grade > 0
    }
    possible = [
        one.id
        for one in dataset.documents
        if one.id in theirs
        and own.get(one.id, 0) <= 0
        and (not one.scope.roles or not roles.isdisjoint(one.scope.roles))
        and (scope is None or one.metadata.get(scope["field"]) == scope["value"])
        and not is_correct(one.text, query.answers)
    ]
    generator = _generator(seed, "distractors", query)
    chosen = generator.sample(possible, min(count, len(possible)))
    places = generator.sample(range(max(depth, len(chosen))), len(chosen))
    return tuple(zip(places, chosen, strict=True))


def _needed(dataset: Dataset) -> dict[str, Needed]:
    """For each passage that an asked question needs: what an edit must leave."""
    asking: dict[str, list[LabelledQuery]] = {}
    for query in dataset.queries:
        for name in _relevant(dataset, query.id):
            asking.setdefault(name, []).append(query)
    return {
        name: Needed(
            answers=tuple(one.answers for one in queries),
            spans=tuple(
                (span.start, span.end)
                for one in queries
                for span in dataset.spans.get(one.id, ())
                if span.document_id == name
            ),
            words=about([one.text for one in queries]),
        )
        for name, queries in asking.items()
    }


def _answered_by(query: LabelledQuery, dataset: Dataset) -> bool:
    """Whether an answer is known that relevant passages give."""
    return query.answerable and bool(query.answers) and bool(_relevant(dataset, query.id))


def _relevant(dataset: Dataset, query_id: str) -> tuple[str, ...]:
    return tuple(name for name, grade in dataset.qrels.get(query_id, {}).items() if grade > 0)


def _generator(seed: int, purpose: str, query: LabelledQuery) -> random.Random:
    return random.Random(f"{seed}|{purpose}|{query.id}")
