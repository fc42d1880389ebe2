"""``select.meteora`` fed by an oracle: what its pairing and elbow could do with a better model.

The oracle's rationales say what the evidence says, in the words of the set's own labels:

* musique: each step of the decomposition with its answers put in;
* hotpotqa, chunkeval: the annotated evidence, a stretch a rationale;
* ramdocs, tatqa: the question with each right answer;
* clapnq: the sentences of the written answer;
* contractnli: the needed clauses themselves, for the set has no other text: pairing alone is then
  perfect, and only what is added to it tells anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Floats
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import sentences
from assay.stages.rerank.unit_vectors import unit_rows
from assay.stages.select.pairing import select_by_rationales
from benchmarks.retrieval import MODEL
from benchmarks.select_figures.cases import Case
from benchmarks.select_figures.protocol import Chooser, Method

_STEP = re.compile(r"#(\d+)")


def rationales(case: Case) -> list[str]:
    """What an oracle would look for; none for a question that needs nothing."""
    if not case.needed:
        return []
    steps = case.asked.meta.get("decomposition")
    if steps:
        return _steps(steps)
    if case.gold:
        return [
            case.texts[name][start:end]
            for name, spans in case.gold.items()
            if name in case.texts
            for start, end in spans
        ]
    match case.group:
        case "contractnli_dev":
            return [case.texts[name] for name in sorted(case.needed) if name in case.texts]
        case "clapnq_dev":
            return [one.text for text in case.asked.answers[:1] for one in sentences(text)]
        case _:
            return [f"{case.query.text} {answer}" for answer in case.asked.answers]


def _steps(steps: Sequence[Mapping[str, str]]) -> list[str]:
    """Questions and answers of a decomposition, with ``#1`` and so on replaced."""
    answers = [str(one["answer"]) for one in steps]

    def answer(match: re.Match[str]) -> str:
        place = int(match[1]) - 1
        return answers[place] if place < len(answers) else match[0]

    return [
        f"{_STEP.sub(answer, str(one['question']))} {own}"
        for one, own in zip(steps, answers, strict=True)
    ]


class Oracle:
    """Vectors of the oracle's rationales, embedded once and kept.

    Args:
        cases: by set.
        folder: for the vectors.
    """

    def __init__(self, cases: Mapping[str, Sequence[Case]], folder: Path) -> None:
        self._cases = cases
        self._folder = folder
        self._known: dict[str, dict[str, Floats]] = {}

    def __call__(self, case: Case) -> Floats:
        """Of a question, shape ``(n_rationales, dimension)``."""
        if case.group not in self._known:
            self._known[case.group] = self._vectors(case.group)
        return self._known[case.group][case.query.id]

    def _vectors(self, name: str) -> dict[str, Floats]:
        own = self._cases[name]
        told = [rationales(one) for one in own]
        texts = list(dict.fromkeys(text for one in told for text in one))
        digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
        path = self._folder / f"{name}-{digest}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = _embedded(texts)
            partial = path.with_suffix(".part")
            with partial.open("wb") as file:
                np.save(file, rows)
            partial.replace(path)
        vectors = dict(zip(texts, np.load(path, allow_pickle=False), strict=True))
        empty = np.zeros((0, 1), dtype=np.float32)
        return {
            one.query.id: np.stack([vectors[text] for text in said]) if said else empty
            for one, said in zip(own, told, strict=True)
        }


def _embedded(texts: Sequence[str]) -> Floats:
    embedder = OnnxEmbedder(OnnxEmbedderConfig(model=MODEL))
    embedder.start()
    with closing(embedder):
        if not texts:
            return np.zeros((0, embedder.dimension), dtype=np.float32)
        return unit_rows(embedder.embed_queries(texts, [RunContext() for _ in texts]))


def by_rationales(
    vectors: Callable[[Case], Floats],
    *,
    paired: bool = True,
    pooled: bool = True,
    distinct: bool = False,
    neighbours: bool = False,
) -> Chooser:
    """``select.meteora`` with rationales from elsewhere.

    Args:
        vectors: of the rationales; without any nothing is kept.
        paired: whether each takes its passage.
        pooled: whether those before the elbow of the mean are taken.
        distinct: whether a passage is taken once only.
        neighbours: whether the ranking's passages beside a chosen one in its document are taken.
    """

    def choose(case: Case) -> set[str]:
        asked = vectors(case)
        if not len(asked):
            return set()
        found = select_by_rationales(asked, case.matrix, pooled=pooled, distinct=distinct)
        places = set(found.places) if paired else set(found.pooled[: found.cut.size])
        if neighbours:
            passages = [hit.passage for hit in case.ranking.hits]
            beside = {
                (passages[place].document_id, passages[place].position + step)
                for place in places
                for step in (-1, 1)
            }
            places |= {
                place
                for place, one in enumerate(passages)
                if (one.document_id, one.position) in beside
            }
        return {case.ids[place] for place in places}

    return choose


def meteora(cases: Mapping[str, Sequence[Case]], work: Path) -> tuple[Method, ...]:
    """METEORA's parts, each by itself and together."""
    oracle = Oracle(cases, work / "rationales")

    def question(case: Case) -> Floats:
        return case.asked_vector[None]

    def method(name: str, chooser: Chooser) -> Method:
        return Method(name, lambda _: chooser, "none")

    return (
        method("meteora, the question as rationale", by_rationales(question)),
        method("meteora, oracle, pairing alone", by_rationales(oracle, pooled=False)),
        method("meteora, oracle, elbow alone", by_rationales(oracle, paired=False)),
        method("meteora, oracle", by_rationales(oracle)),
        method("meteora, oracle, distinct", by_rationales(oracle, distinct=True)),
        method("meteora, oracle, with neighbours", by_rationales(oracle, neighbours=True)),
    )
