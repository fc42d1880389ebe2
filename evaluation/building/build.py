"""A benchmark from one's own documents, in steps that can be stopped and gone on with.

FreshStack's three steps (Thakur et al. 2025): questions, from a language model over sampled
passages or from people; nuggets, the facts that an answer needs; and support, judged fact by fact
over a pool of several retrievers, from which passages get grades. Between the first two stands
the round trip (UDAPDR, Saad-Falcon et al. 2023). Last come questions without an answer, made by
swaps. Each result is on disk before the next is begun: the same command goes on.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from assay.corpora.labelled_questions import RawQuestion
from assay.evaluation.building.asked import candidate_of
from assay.evaluation.building.built import CANDIDATES, CORPUS, FACTS, Built, write_pages
from assay.evaluation.building.candidate import Candidate, Journal, Kind
from assay.evaluation.building.export import lines, record_of
from assay.evaluation.building.library import Told
from assay.evaluation.building.nuggets import by_model, by_rule
from assay.evaluation.building.review import write_review
from assay.evaluation.building.support import grades_of, with_source
from assay.evaluation.building.swapping import names_in, swap
from assay.evaluation.building.tools import Tools
from assay.evaluation.building.written import best_of, source_order, write_some
from assay.evaluation.folder import write_file
from assay.pipeline.errors import DataError, UsageError

BATCH = 8
DRAWS = 3
ATTEMPTS = 6
"""Attempts a question at most."""

BETTER = "others suit their evidence better"
SPARE = 2
"""Times as many questions are written as wanted, where a cross-encoder can choose."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build shall make; the same plan goes on, another one is refused.

    Args:
        n: questions in all; of people's questions the most that are taken.
        unanswerable: share of them that has no answer, 0 to 1; swaps come on top of people's
            questions, as far as these lack such.
        seed: of every random choice.
        k: of the round trip.
        depth: passages of each retriever that are judged.
        pipeline: its name.
        corpus: fingerprint of what it searches.
        tenant: whose documents.
        judge: name of the judge of support.
        nuggets: ``model`` or ``rule``.
        writer: what writes, '' for nothing.
        asked: digest of the questions of people, '' for none.
    """

    n: int
    unanswerable: float
    seed: int
    k: int
    depth: int
    pipeline: str
    corpus: str
    tenant: str
    judge: str
    nuggets: str
    writer: str
    asked: str


def build(
    plan: Plan, tools: Tools, folder: Path, *, asked: Sequence[RawQuestion], tell: Told
) -> Built:
    """Make the questions, or what is missing of them, and write the files for review.

    Args:
        plan: what to make.
        tools: what with.
        folder: of the build; made if missing.
        asked: people's questions; without any a model writes them.
        tell: told how far each step is.

    Raises:
        UsageError: if the folder holds another build or something else, or the corpus has no
            passage to ask about.
        DataError: if a file of an earlier run is damaged.
    """
    _claim(plan, folder)
    write_file(folder / CORPUS, lines([record_of(one) for one in tools.library.passages]))
    spare = round(plan.n * plan.unanswerable)
    wanted = max(plan.n - spare, 1)
    if asked:
        wanted = min(plan.n, len(asked))
        answerable, rejected, drawn = _from_people(plan, tools, folder, asked, wanted, tell)
        told = sum(one.answerable for one in answerable)
        spare = max(round(told * plan.unanswerable) - (wanted - told), 0)
    else:
        answerable, rejected, drawn = _from_model(plan, tools, folder, wanted, tell)
    judged = _judged(plan, tools, folder, answerable, tell)
    swaps, missed = _swaps(plan, tools, folder, judged, spare, tell)
    candidates = (*judged, *swaps)
    facts = {
        **asdict(plan),
        "finished": True,
        "passages": len(tools.library.passages),
        "attempts": drawn,
        "rejected": dict(rejected),
        "not_swapped": dict(missed),
        "retrievers": list(tools.pool.names),
        "found_by": dict(Counter(name for one in judged for name, at in one.found.items() if at)),
        "kinds": dict(Counter(one.kind for one in candidates)),
        "k_applied": tools.k,
        "notices": _notices(plan, tools, candidates, wanted, spare, asked, rejected[BETTER]),
    }
    write_file(folder / CANDIDATES, lines([one.to_json() for one in candidates]))
    write_file(folder / FACTS, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    write_review(folder, candidates)
    built = Built(candidates, facts)
    write_pages(built, folder)
    return built


def _claim(plan: Plan, folder: Path) -> None:
    """Make the folder this build's, or see that it is."""
    path = folder / FACTS
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"'{folder}' holds something that is no build: choose another --out")
        folder.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(asdict(plan) | {"finished": False}, indent=1) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key, value in asdict(plan).items() if before.get(key) != value]
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): choose another --out") from error
    if other:
        key = other[0]
        raise UsageError(
            f"'{folder}' holds a build with another '{key}' ({before.get(key)!r}, now"
            f" {asdict(plan)[key]!r}): repeat its options to go on, or choose another --out"
        )


def _from_people(
    plan: Plan,
    tools: Tools,
    folder: Path,
    asked: Sequence[RawQuestion],
    wanted: int,
    tell: Told,
) -> tuple[list[Candidate], Counter[str], int]:
    chosen = list(asked)
    if len(chosen) > wanted:
        places = sorted(random.Random(plan.seed).sample(range(len(chosen)), wanted))
        chosen = [chosen[place] for place in places]
    journal = Journal(folder / "questions.jsonl")
    made: list[Candidate] = []
    for number, one in enumerate(chosen, 1):
        if journal.get(one.id) is None:
            before = [(other.id, other.text) for other in made]
            journal.put(one.id, candidate_of(one, before, tools).to_json())
        made.append(Candidate.from_json(journal.get(one.id)))
        tell("questions", number, len(chosen))
    return made, Counter(), len(chosen)


def _from_model(
    plan: Plan, tools: Tools, folder: Path, wanted: int, tell: Told
) -> tuple[list[Candidate], Counter[str], int]:
    if tools.writer is None:
        raise UsageError(
            "questions are written by a language model, and the pipeline has none: name one with"
            " --model (such as qwen2.5-coder-0.5b-instruct-q4_k_m), or give people's questions with"
            " --questions FILE"
        )
    order = source_order(tools.library.passages, random.Random(plan.seed))
    if not order:
        raise UsageError(
            f"none of {len(tools.library.passages)} passages has a sentence with a date, a"
            " quantity, a name or a code name to ask for: give questions with --questions FILE"
        )
    enough = wanted if tools.encoder is None else SPARE * wanted
    attempts = [(one, draw) for draw in range(DRAWS) for one in order]
    queue = iter(attempts[: ATTEMPTS * enough])
    journal = Journal(folder / "questions.jsonl")
    kept: list[Candidate] = []
    rejected: Counter[str] = Counter()
    drawn = 0
    while len(kept) < enough and (some := list(islice(queue, BATCH))):
        keys = [f"{one.id}@{draw}" for one, draw in some]
        if any(journal.get(key) is None for key in keys):
            made = write_some(some, kept, tools, tools.writer, seed=plan.seed)
            for key, one in zip(keys, made, strict=True):
                journal.put(key, one if isinstance(one, str) else one.to_json())
        for key in keys:
            result = journal.get(key)
            drawn += 1
            if isinstance(result, str):
                rejected[result] += 1
            else:
                kept.append(Candidate.from_json(result))
        tell("questions", min(len(kept), enough), enough)
    if not kept:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in rejected.most_common())
        raise UsageError(
            f"of {drawn} questions that the model wrote none can be kept: {reasons}. Take a bigger"
            " model with --model"
        )
    best = best_of(kept, wanted, tools)
    if len(kept) > len(best):
        reason = BETTER if tools.encoder else "there were enough"
        rejected[reason] += len(kept) - len(best)
    return best, rejected, drawn


def _judged(
    plan: Plan, tools: Tools, folder: Path, candidates: Sequence[Candidate], tell: Told
) -> list[Candidate]:
    """Nuggets and graded passages for each question."""
    journal = Journal(folder / "support.jsonl")
    by_id = {one.id: one for one in tools.library.passages}
    done = []
    for number, one in enumerate(candidates, 1):
        found = journal.get(one.id)
        if found is None:
            found = _support(one, by_id, tools)
            journal.put(one.id, found)
        done.append(
            replace(
                one,
                nuggets=tuple(found["nuggets"]),
                grades=found["grades"],
                flags=(*one.flags, *found["flags"]),
            )
        )
        tell("support", number, len(candidates))
    return done


def _support(one: Candidate, by_id: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    """What is found about one question: its nuggets, the grades of the pool, and flags."""
    source = by_id.get(one.source)
    if not one.answerable or source is None:
        pooled = tools.pool.together([one.text])
        return {"nuggets": [], "grades": dict.fromkeys((at.id for at in pooled), 0), "flags": []}
    evidence = [part.strip() for part in one.evidence.split("||") if part.strip()]
    nuggets = (
        by_model(one.text, one.answers, evidence, source, tools.writer, tools.terms)
        if tools.facts_by_model and tools.writer is not None
        else by_rule(evidence, source)
    )
    pooled = tools.pool.together([one.text, *nuggets])
    each = {at.id: at for at in (*pooled, source)}
    grades = grades_of(nuggets, list(each.values()), tools.judge, one.answers)
    flags = [] if grades[source.id] else ["the judge does not see the evidence in its source"]
    given = {name: max(grade, grades.get(name, 0)) for name, grade in one.grades.items()}
    return {
        "nuggets": list(nuggets),
        "grades": with_source(grades | given, source.id),
        "flags": flags,
    }


def _swaps(
    plan: Plan, tools: Tools, folder: Path, candidates: Sequence[Candidate], wanted: int, tell: Told
) -> tuple[list[Candidate], Counter[str]]:
    """Unanswerable questions, both kinds in turn, at most one of a question and kind."""
    journal = Journal(folder / "swaps.jsonl")
    missed: Counter[str] = Counter()
    made: list[Candidate] = []
    parents = [one for one in candidates if one.answerable]
    if not wanted or not parents:
        return made, missed
    names = names_in(tools.library.passages)
    kinds: tuple[Kind, Kind] = ("look_alike", "swapped")
    taken = {one.id for one in candidates}
    for turn in range(2):
        for number, parent in enumerate(parents):
            if len(made) >= wanted:
                break
            kind = kinds[(number + turn) % 2]
            key = f"{parent.id}@{kind}"
            if journal.get(key) is None:
                drawn = random.Random(f"{plan.seed}|{key}")
                result = swap(parent, kind, names, tools, drawn)
                journal.put(key, result if isinstance(result, str) else result.to_json())
            found = journal.get(key)
            if isinstance(found, str):
                missed[found] += 1
            elif (one := Candidate.from_json(found)).id not in taken:
                taken.add(one.id)
                made.append(one)
            tell("unanswerable", len(made), wanted)
    return made, missed


def _notices(
    plan: Plan,
    tools: Tools,
    candidates: Sequence[Candidate],
    wanted: int,
    spare: int,
    asked: Sequence[RawQuestion],
    passed_over: int,
) -> list[str]:
    """What a person must know of what was made."""
    notices = []
    own = [one for one in candidates if not one.parent]
    if len(own) < wanted and not asked:
        notices.append(
            f"{len(own)} questions instead of {wanted} could be kept: the corpus is small, or the"
            " model too weak"
        )
    if not asked and tools.encoder is not None and passed_over < wanted:
        notices.append(
            f"only {len(own) + passed_over} questions could be written to choose {wanted} from:"
            " look at each closely"
        )
    if asked and len(asked) > wanted:
        notices.append(f"{wanted} of {len(asked)} questions were drawn with seed {plan.seed}")
    swaps = len(candidates) - len(own)
    if swaps < spare:
        notices.append(f"{swaps} unanswerable questions instead of {spare} could be made")
    if tools.k < plan.k:
        notices.append(
            f"the round trip looks at the best {tools.k} instead of {plan.k}: the corpus has only"
            f" {len(tools.library.passages)} passages"
        )
    return notices
