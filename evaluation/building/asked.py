"""Questions that people asked: their evidence is looked for, and nothing of them is thrown away.

What the file says (answers, quotes, documents) is taken. Where it says nothing, the passage is
the one of the pool that the cross-encoder likes best, the evidence its best sentence, the answer
what the language model reads there; without a model the answer stays open, and retrieval alone
can be judged. All of that is a proposal for a reviewer. Cost a question: up to one cross-encoder
call for each pooled passage and each sentence of the best one, and one generation.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from assay.corpora.labelled_questions import RawQuestion
from assay.corpora.matching import is_correct
from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.leakage import copied_share, gives_answer, near_duplicate
from assay.evaluation.building.library import file_of
from assay.evaluation.building.locating import located
from assay.evaluation.building.pooling import places
from assay.evaluation.building.support import share_held
from assay.evaluation.building.tools import Tools
from assay.evaluation.building.written import CLOSE
from assay.pipeline.sentences import sentences
from assay.pipeline.text import fold
from assay.pipeline.words import Passage


def candidate_of(
    question: RawQuestion, before: Collection[tuple[str, str]], tools: Tools
) -> Candidate:
    """A person's question with its evidence, or with what is known of its absence.

    Args:
        question: as written.
        before: (id, text) of those that came before it.
        tools: of the build.
    """
    flags = []
    if twin := near_duplicate(question.text, before):
        flags.append(f"asks nearly the same as {twin}")
    rankings = tools.pool.rankings(question.text)
    if not question.answerable:
        return _made(question, None, "", question.answers, flags, {}, answerable=False)
    said = located(question, tools.library, tools.tenant)
    by_id = {one.id: one for one in tools.library.passages}
    if said.spans:
        source = by_id[said.spans[0].document_id]
        evidence = " || ".join(dict.fromkeys(fold(one.text) for one in said.spans))
        given = {"gold_passages": said.query.meta["gold_passages"]}
        grades = dict.fromkeys(said.grades, 2 if _alone(said.query.meta, said.grades) else 1)
        found = places(rankings, source.id, tools.k)
        flags += _about(question.text, question.answers, source, found)
        return _made(question, source, evidence, question.answers, flags, found,
                     grades=grades, more=given)  # fmt: skip
    if said.reason and (question.evidence or question.documents):
        flags.append(said.reason)
    where = set(said.grades)
    each = {one.id: one for passages in rankings.values() for one in passages}
    pooled = [one for one in each.values() if not where or one.id in where]
    pooled = pooled or [by_id[name] for name in said.grades]
    if question.answers:
        pooled = [one for one in pooled if is_correct(one.text, question.answers)] or pooled
    best, likely = _best(question.text, pooled, tools)
    if best is None:
        return _made(question, None, "", question.answers, [*flags, "nothing like it is found"],
                     {}, answerable=bool(question.answers))  # fmt: skip
    source, evidence = best, _sentence(question, best, tools)
    answers = question.answers
    is_open = not answers and likely and tools.writer is None
    if is_open:
        flags.append("no model proposes an answer: write one, or judge retrieval only")
    elif not answers and likely:
        answers = _answer(question.text, source, tools)
        flags.append("the answer is a proposal" if answers else "the model finds no answer")
    if not likely:
        flags.append("no passage seems to answer it")
    found = places(rankings, source.id, tools.k)
    flags += _about(question.text, answers, source, found)
    if not answers and not is_open:
        return _made(question, source, "", (), flags, found, answerable=False)
    return _made(question, source, evidence, answers, [*flags, "the evidence is a proposal"], found)


def _alone(meta: object, grades: Collection[str]) -> bool:
    """Whether each passage with a quote is enough by itself."""
    sets = meta.get("gold_passages", []) if isinstance(meta, dict) else []
    return bool(sets) and all(len(one) == 1 for one in sets) and len(sets) == len(grades)


def _made(
    question: RawQuestion,
    source: Passage | None,
    evidence: str,
    answers: Sequence[str],
    flags: Sequence[str],
    found: dict[str, int | None],
    *,
    answerable: bool = True,
    grades: dict[str, int] | None = None,
    more: dict[str, object] | None = None,
) -> Candidate:
    own = question.meta.get("cluster")
    return Candidate(
        id=question.id,
        text=question.text,
        answers=tuple(answers),
        answerable=answerable,
        kind="asked",
        source=source.id if source is not None and answerable else "",
        evidence=evidence,
        cluster=str(own) if own else file_of(source) if source is not None else question.id,
        grades=grades or {},
        found=found,
        flags=tuple(flags),
        meta={**question.meta, **(more or {})},
    )


def _best(text: str, passages: Sequence[Passage], tools: Tools) -> tuple[Passage | None, bool]:
    """The passage that answers best, and whether that is likely; by shared terms without a
    cross-encoder."""
    if not passages:
        return None, False
    if tools.encoder is None:
        shares = [share_held(text, one, tools.terms) for one in passages]
        best = max(range(len(passages)), key=lambda at: (shares[at], -at))
        return passages[best], shares[best] >= 0.5
    pairs = [(text, f"{one.title}: {one.text}" if one.title else one.text) for one in passages]
    scores = tools.encoder.score(pairs, [tools.context] * len(pairs)).tolist()
    best = max(range(len(passages)), key=lambda at: (scores[at], -at))
    return passages[best], scores[best] >= 0.0


def _sentence(question: RawQuestion, source: Passage, tools: Tools) -> str:
    """The sentence of a passage that answers best; one that holds an accepted answer, if any."""
    every = sentences(source.text)
    holding = [one for one in every if is_correct(one.text, question.answers)]
    pieces = [
        Passage(str(at), source.document_id, one.text, source.scope)
        for at, one in enumerate(holding or every)
    ]
    best, _ = _best(question.text, pieces, tools)
    return fold(best.text) if best is not None else fold(source.text)


def _answer(text: str, source: Passage, tools: Tools) -> tuple[str, ...]:
    """What the language model reads in a passage; nothing without one."""
    if tools.writer is None:
        return ()
    read = f"{fold(source.title)}: {fold(source.text)}" if source.title else fold(source.text)
    (said,) = tools.writer.answers([(text, read)])
    return (said,) if said else ()


def _about(
    text: str, answers: Sequence[str], source: Passage, found: dict[str, int | None]
) -> list[str]:
    flags = []
    if gives_answer(text, answers):
        flags.append("it holds its answer")
    if (share := copied_share(text, source.text)) > CLOSE:
        flags.append(f"{share:.0%} of its word runs are the passage's")
    if not any(found.values()):
        flags.append("no retriever finds its passage")
    return flags
