"""Keep the passages that rationales of a language model ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from assay.corpora.corpus import Corpus
from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import Embedder
from assay.pipeline.component import Node, register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Hit, Query, Ranking, Rationale, Selection
from assay.stages.rerank.unit_vectors import PROBLEM, UnitVectors
from assay.stages.select.bounds import Bounds
from assay.stages.select.choice import chosen
from assay.stages.select.figures import figure, told
from assay.stages.select.gaps import FLAT, Fallback, elbow
from assay.stages.select.pairing import ByRationales, select_by_rationales
from assay.stages.select.rationales import STOP, answered_rationales, rationales_prompt
from assay.stages.windows.window import Sizes

NO_CORPUS = "'neighbours' are read from a corpus: give it the resource 'corpus', or set it to 0"
SHORT = 60
"""Characters of a rationale in a reason."""


class MeteoraConfig(Bounds):
    """Settings of ``select.meteora@1``."""

    rationales: int = Field(8, ge=1, le=20, description="most rationales that are asked for")
    tokens: int = Field(512, ge=16, le=8192, description="most tokens that they may have together")
    temperature: float | None = Field(
        0.7, ge=0, le=2, description="0 takes the likeliest token; null leaves it to the model"
    )
    attempts: int = Field(
        3,
        ge=1,
        le=10,
        description="most drafts, each drawn anew, where no rationale can be read; one where the"
        " temperature is 0",
    )
    distinct: bool = Field(
        False,
        description="whether a passage is taken by one rationale only, as in the paper: then at"
        " least as many are kept as there are rationales",
    )
    pooled: bool = Field(
        True, description="whether the passages nearest to the mean rationale are kept, too"
    )
    z: float = Field(1.0, gt=0, le=10, description="gap, in standard deviations, that cuts")
    fallback: Fallback = Field(
        "second_difference",
        description="what cuts where no gap is so large: see select.elbow",
    )
    tolerance: float = Field(
        FLAT, ge=0, le=1, description="spread of the gaps up to which they count as equal"
    )
    depth: int = Field(20, ge=1, le=1000, description="best hits that are looked at")
    neighbours: int = Field(0, ge=0, le=3, description="places on each side that are added")


@register("select.meteora@1")
class Meteora(Node):
    """Let a language model say what evidence must show, and keep the passages nearest to that.

    The model writes rationales, each with an instruction what would be suspicious (kept as
    ``Rationale.flag`` for a verifier). Each rationale takes the passage most like it; those that
    stand before the elbow of the cosines to the mean rationale come along, and ``neighbours`` of
    all of them. Kept hits keep their scores and stand in the ranking's order, neighbours behind the
    hit that brought them. Bounds go by the largest cosine to a rationale.

    Where no rationale can be read in ``attempts`` drafts, the ranking is cut at the elbow of its
    own scores, and the run record says ``rationales_unread: 1``; else ``rationales`` tells their
    number, ``drafts`` how many drafts it took.

    Source: METEORA, arXiv 2505.16014. Differs: the prompt; a rationale may take a passage that
    another took (``distinct``), since the number kept has a floor otherwise; no neighbours by
    default; the fallback above, where the original keeps nothing; and the order, by document there.
    Cost: one generation, more where nothing could be read, and a call for each rationale; with an
    embedder one a passage, too.

    Args:
        config: see ``MeteoraConfig``.
        model: writes; one without chat template is enough.
        corpus: vectors of passages, and neighbours; or
        embedder: vectors of both, without neighbours.
    """

    Config = MeteoraConfig
    needs: Mapping[str, tuple[str, ...]] = {"model": (Ability.GENERATE,), "corpus": ("dense",)}

    def __init__(
        self,
        config: MeteoraConfig,
        *,
        model: LanguageModel,
        corpus: Corpus | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        super().__init__(config)
        self.model = model
        self.corpus = corpus
        self.embedder = embedder

    def prepare(self, base: Path) -> Iterable[str]:
        """Whether vectors have one source, and neighbours have one."""
        given = (self.corpus is not None) + (self.embedder is not None)
        if given != 1:
            yield PROBLEM
        if self.config.neighbours and self.corpus is None:
            yield NO_CORPUS

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Selection:
        """Select; an empty ranking gives an empty selection without asking the model."""
        if not ranking.hits:
            return chosen(query, ranking, (), lambda place, hit: "")
        return self.select(query, ranking, self.rationales(query, context), context)

    def rationales(self, query: Query, context: RunContext) -> tuple[Rationale, ...]:
        """What the model says that evidence must show; none where nothing could be read."""
        config = self.config
        prompt = rationales_prompt(query.text, config.rationales)
        drafts = 1 if config.temperature == 0 else int(config.attempts)
        for draw in range(drafts):
            written = self.model.generate(
                prompt,
                context,
                max_tokens=config.tokens,
                stop=(*STOP, f"\n{config.rationales + 1}."),
                temperature=config.temperature,
                draw=draw,
            )
            found = answered_rationales(written.text, config.rationales)
            context.count(drafts=1)
            if found:
                context.count(
                    rationales=len(found),
                    rationales_cut=int(written.finish == "length"),
                    rationales_flagged=sum(bool(one.flag) for one in found),
                )
                return found
        context.count(rationales_unread=1)
        return ()

    def select(
        self,
        query: Query,
        ranking: Ranking,
        rationales: Sequence[Rationale],
        context: RunContext,
    ) -> Selection:
        """Select by rationales, wherever they come from; without any, by the ranking's scores.

        Raises:
            UsageError: if a passage is not in the corpus.
        """
        if not rationales or not ranking.hits:
            return self._by_scores(query, ranking)
        head = ranking.hits[: self.config.depth]
        vectors = UnitVectors(self.corpus, self.embedder)
        asked = vectors.of_queries([one.text for one in rationales], [context] * len(rationales))
        read = vectors.of_passages([[hit.passage for hit in head]], [query], [context])[0]
        found = select_by_rationales(
            asked,
            read,
            distinct=self.config.distinct,
            pooled=self.config.pooled,
            z=self.config.z,
            fallback=self.config.fallback,
            tolerance=self.config.tolerance,
        )
        return self._told(query, ranking, head, rationales, found)

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One draft of as many tokens as it may have, and what is embedded."""
        if not n:
            return Cost()
        config = self.config
        prompt = rationales_prompt("", config.rationales)
        read = 0 if self.embedder is None else min(n, config.depth)
        return Cost(
            calls=1 + config.rationales + read,
            rounds=2 + (self.embedder is not None),
            tokens_in=self.model.count_prompt(prompt)
            + sizes.query
            + config.tokens
            + read * sizes.passage,
            tokens_out=config.tokens,
        )

    def _told(
        self,
        query: Query,
        ranking: Ranking,
        head: Sequence[Hit],
        rationales: Sequence[Rationale],
        found: ByRationales,
    ) -> Selection:
        """The selection, with what chose each passage."""
        config = self.config
        wanted = found.places
        order = sorted(
            range(len(head)), key=lambda place: (place not in wanted, -found.best[place][0], place)
        )
        size = config.bounded(len(wanted), len(head))
        bound = config.bound(len(wanted), size)
        own = sorted(order[:size])
        reasons = {place: _why(place, found, rationales) for place in range(len(head))}
        kept = [(head[place], reasons[place] + ("" if place in wanted else bound)) for place in own]

        def dropped(place: int, hit: Hit) -> str:
            if place >= len(head):
                return _behind(place, config.depth)
            return reasons[place] + (bound if place in wanted else "")

        told_by = [
            Rationale(
                one.text,
                one.flag,
                tuple(
                    (head[pair.passage].passage.id, pair.cosine)
                    for pair in found.pairs
                    if pair.rationale == number
                ),
            )
            for number, one in enumerate(rationales)
        ]
        return chosen(
            query, ranking, self._with_neighbours(kept, query), dropped, rationales=told_by
        )

    def _by_scores(self, query: Query, ranking: Ranking) -> Selection:
        """The stated fallback: the elbow of the ranking's own scores."""
        config = self.config
        head = ranking.hits[: config.depth]
        scores = [hit.score.value for hit in ranking.alike[: config.depth]]
        cut = elbow(scores, z=config.z, fallback=config.fallback, tolerance=config.tolerance)
        size = config.bounded(cut.size, len(head))
        end = f"the first {size} are kept for their scores{config.bound(cut.size, size)}"

        def why(place: int, hit: Hit) -> str:
            if place >= len(head):
                return _behind(place, config.depth)
            return f"no rationale could be read; {told(hit.score)}, place {place + 1}: {end}"

        kept = [(hit, why(place, hit)) for place, hit in enumerate(head[:size])]
        return chosen(query, ranking, self._with_neighbours(kept, query), why)

    def _with_neighbours(
        self, kept: Sequence[tuple[Hit, str]], query: Query
    ) -> list[tuple[Hit, str]]:
        """The kept hits, each with its neighbours behind it."""
        if not self.config.neighbours:
            return list(kept)
        if self.corpus is None:
            raise UsageError(f"{self.name}: {NO_CORPUS}")
        own = {hit.passage.id for hit, _ in kept}
        found: list[tuple[Hit, str]] = []
        for hit, reason in kept:
            found.append((hit, reason))
            for passage in self.corpus.neighbours(hit.passage, query, self.config.neighbours):
                if passage.id not in own:
                    found.append((Hit(passage, hit.score), f"stands beside {hit.passage.id}"))
        return found


def _why(place: int, found: ByRationales, rationales: Sequence[Rationale]) -> str:
    """What chose a place, or what came nearest to it."""
    pairs = sorted(
        (pair for pair in found.pairs if pair.passage == place), key=lambda pair: -pair.cosine
    )
    said = [
        f"chosen by {_quoted(rationales[pair.rationale])} (cosine {figure(pair.cosine)})"
        for pair in pairs[:1]
    ]
    if len(pairs) > 1:
        others = len(pairs) - 1
        said[0] += f" and {others} other rationale{'s' if others > 1 else ''}"
    rank = found.pooled.index(place)
    mean = f"cosine {figure(found.means[rank])} to all rationales together, place {rank + 1}"
    if rank < found.cut.size:
        said.append(f"{mean} of the first {found.cut.size}")
    if said:
        return "; ".join(said)
    cosine, number = found.best[place]
    near = f"no rationale chose it; nearest to {_quoted(rationales[number])}"
    return f"{near} (cosine {figure(cosine)})" + (f"; {mean}" if found.cut.size else "")


def _quoted(rationale: Rationale) -> str:
    text = rationale.text.replace('"', "'")
    return f'"{text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"}"'


def _behind(place: int, depth: int) -> str:
    return f"place {place + 1}, behind the first {depth} that are looked at"
