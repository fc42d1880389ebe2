"""Questions that a language model writes from passages, and what is thrown away of them.

The answer comes first, by rule, so that it stands in the passage word for word; the model writes
the question to it, then answers its own question from the passage. Kept is what can be understood
alone, does not give its answer away, is not copied, names nothing that the model did not read,
asks for the answer's type, is answered the same again, asks nothing that another question asks,
and finds its passage again (the round trip). Where there is a cross-encoder, twice as many are
made and those kept whose evidence it scores best for them, as in InPars-v2 (Jeronymo et al. 2023);
that favours questions in the words of their evidence.
Cost: two generations an attempt, less where a question is thrown away before it is answered, and
one cross-encoder call a question.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from assay.corpora.labelled_questions import question_id
from assay.corpora.matching import is_correct
from assay.evaluation.building.asking import reading
from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.leakage import (
    MOST_COPIED,
    copied_share,
    gives_answer,
    near_duplicate,
    needs_context,
)
from assay.evaluation.building.library import file_of
from assay.evaluation.building.pooling import places
from assay.evaluation.building.short_answers import ShortAnswer, choose, short_answers, spans_of
from assay.evaluation.building.tools import Tools
from assay.evaluation.building.writer import Writer
from assay.guards.verify.typed_values import ValueType, asked_type
from assay.pipeline.text import fold, words
from assay.pipeline.words import Passage

WORDS = (4, 40)
CLOSE = 0.25
"""Copied share from which a reviewer is told."""

_ASKED: Mapping[str, tuple[ValueType, ...]] = {
    "date": (ValueType.YEAR,),
    "quantity": (ValueType.NUMBER, ValueType.VERSION),
    "name": (ValueType.NAME, ValueType.CODE),
    "code": (ValueType.CODE, ValueType.NAME, ValueType.VERSION),
}
"""What a question may ask for, by the kind of its answer; one that does not say may be right."""


def source_order(passages: Sequence[Passage], generator: random.Random) -> list[Passage]:
    """Passages with a short answer, one of each file in turn, files and passages shuffled."""
    by_file: dict[str, list[Passage]] = defaultdict(list)
    for one in sorted(passages, key=lambda one: one.id):
        if short_answers(one):
            by_file[file_of(one)].append(one)
    queues = list(by_file.values())
    generator.shuffle(queues)
    for queue in queues:
        generator.shuffle(queue)
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def write_some(
    sources: Sequence[tuple[Passage, int]],
    kept: Sequence[Candidate],
    tools: Tools,
    writer: Writer,
    *,
    seed: int,
) -> list[Candidate | str]:
    """One attempt a source: a question, or why there is none.

    Args:
        sources: passage and number of the draw, from 0.
        kept: questions that were kept before.
        tools: of the build.
        writer: writes.
        seed: of the choice of answers.
    """
    used = {(one.evidence, one.answers[0]) for one in kept}
    made: dict[int, Candidate | str] = {}
    chosen: dict[int, ShortAnswer] = {}
    for place, (passage, draw) in enumerate(sources):
        left = [one for one in short_answers(passage) if _key(one) not in used]
        one = choose(left, random.Random(f"{seed}|{passage.id}|{draw}"))
        if one is None:
            made[place] = "every short answer of its passage is asked for already"
        else:
            chosen[place] = one
            used.add(_key(one))
    for place, result in zip(chosen, _asked(sources, chosen, kept, tools, writer), strict=True):
        made[place] = result
    return [made[place] for place in range(len(sources))]


def _key(answer: ShortAnswer) -> tuple[str, str]:
    return fold(answer.sentence.text), answer.text


def _asked(
    every: Sequence[tuple[Passage, int]],
    answers: Mapping[int, ShortAnswer],
    kept: Sequence[Candidate],
    tools: Tools,
    writer: Writer,
) -> list[Candidate | str]:
    """A question to each chosen answer, or why there is none, in the order of ``answers``."""
    sources = [every[place] for place in answers]
    chosen = list(answers.values())
    reads = [
        reading(passage, one.sentence.start, one.sentence.end)
        for (passage, _), one in zip(sources, chosen, strict=True)
    ]
    texts: list[str] = [""] * len(sources)
    for draw in sorted({draw for _, draw in sources}):
        own = [place for place, (_, number) in enumerate(sources) if number == draw]
        written = writer.questions([(reads[at], chosen[at].text) for at in own], draw=draw)
        for place, text in zip(own, written, strict=True):
            texts[place] = text
    reasons = [
        _bad(text, one, passage, read)
        for text, one, (passage, _), read in zip(texts, chosen, sources, reads, strict=True)
    ]
    sound = [place for place, reason in enumerate(reasons) if not reason]
    again = dict(zip(sound, writer.answers([(texts[at], reads[at]) for at in sound]), strict=True))
    made: list[Candidate | str] = []
    before = [(one.id, one.text) for one in kept]
    for place, (passage, _) in enumerate(sources):
        result = reasons[place] or _kept(
            texts[place], chosen[place], passage, again[place], before, tools
        )
        if isinstance(result, Candidate):
            before.append((result.id, result.text))
        made.append(result)
    return made


def _bad(text: str, answer: ShortAnswer, passage: Passage, read: str) -> str:
    """Why a question is thrown away at first sight, '' if it is not."""
    if not text.endswith("?") or not WORDS[0] <= len(words(text)) <= WORDS[1]:
        return "it is no question"
    if needs_context(text, passage.title):
        return "it is not understood without its passage"
    if gives_answer(text, [answer.text]):
        return "it gives its answer away"
    if copied_share(text, passage.text) > MOST_COPIED:
        return "it is copied from its passage"
    seen = fold(read).casefold()
    if any(fold(said).casefold() not in seen for said, _ in spans_of(text)):
        return "it names what the model did not read"
    asked = asked_type(text)
    if asked is not None and asked not in _ASKED[answer.kind]:
        return "it asks for another kind of answer"
    return ""


def _kept(
    text: str,
    answer: ShortAnswer,
    passage: Passage,
    again: str,
    before: Sequence[tuple[str, str]],
    tools: Tools,
) -> Candidate | str:
    if not (is_correct(again, [answer.text]) or (again and is_correct(answer.text, [again]))):
        return "the model answers it in another way"
    if near_duplicate(text, before):
        return "it asks what another question asks"
    found = places(tools.pool.rankings(text), passage.id, tools.k)
    if not any(found.values()):
        return f"no retriever finds its passage among the best {tools.k}"
    flags = []
    if (share := copied_share(text, passage.text)) > CLOSE:
        flags.append(f"{share:.0%} of its word runs are the passage's")
    finders = [name for name, place in found.items() if place and name != "hybrid"]
    if len(finders) == 1 and len(found) > 1:
        flags.append(f"found by {finders[0]} only")
    return Candidate(
        id=question_id(text),
        text=text,
        answers=(answer.text,),
        answerable=True,
        kind="written",
        source=passage.id,
        evidence=fold(answer.sentence.text),
        cluster=file_of(passage),
        found=found,
        flags=tuple(flags),
        meta={"answer_kind": answer.kind},
    )


def best_of(candidates: Sequence[Candidate], wanted: int, tools: Tools) -> list[Candidate]:
    """Those whose evidence a cross-encoder scores best for them, in their old order.

    Without a cross-encoder the first ones. Cost: one call a candidate, one round.
    """
    if tools.encoder is None or len(candidates) <= wanted:
        return list(candidates[:wanted])
    pairs = [(one.text, one.evidence) for one in candidates]
    scores = tools.encoder.score(pairs, [tools.context] * len(pairs)).tolist()
    order = sorted(range(len(candidates)), key=lambda at: (-scores[at], at))
    return [candidates[at] for at in sorted(order[:wanted])]
