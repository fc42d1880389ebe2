"""Runs a pipeline for suites: over its own corpus or another one, each question once.

Records lie in ``<out>/records``, a file for each run; a run is the same if label,
pipeline, corpus, overrides, changes, thresholds and seed are, and a question is the same
if its text, its reader and its filters are. A corpus that a suite makes lies in
``<out>/aside`` while it is needed, one at a time.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assay.corpora.corpus import Corpus
from assay.corpora.dataset import DEFAULT_TENANT, LabelledQuery, to_query
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.evaluation.plan import Plan, plan_of
from assay.evaluation.suites.kept_records import KeptRecords, slug
from assay.evaluation.suites.ranking_change import RankingChange, with_changed_rankings
from assay.evaluation.suites.suite import Record
from assay.guards.risk.certificate import apply
from assay.models.language_model import Ability, LanguageModel
from assay.models.prompt import Prompt
from assay.models.protocols import Embedder, Floats
from assay.pipeline import Pipeline, Query
from assay.pipeline.canonical import digest
from assay.pipeline.codec import to_json
from assay.pipeline.compose import target_of
from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, UsageError

Told = Callable[[str, int, int], None]
"""Told a stage's name, items done and items in all."""

Load = Callable[[Collection[str]], Pipeline]
"""Builds the pipeline with overrides as ``--set`` takes them; nothing is loaded yet."""

InForce = Callable[[Pipeline, Collection[str]], Pipeline]
"""A started pipeline with the thresholds that are in force."""

_CACHE = "embeddings.sqlite"


def quiet(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


def certified(built: Pipeline, overrides: Collection[str]) -> Pipeline:
    """A started pipeline with its certificate in force."""
    return apply(built).pipeline


@dataclass(frozen=True, slots=True)
class _Base:
    """What is known of the pipeline over its own corpus."""

    fingerprint: str
    plan: Plan
    thresholds: Mapping[str, Any]
    certificate: str | None
    void: str | None


class PipelineRunner:
    """A ``Runner`` over a pipeline file; use it as a context manager.

    One pipeline is loaded at a time. The pipeline over another corpus keeps the
    thresholds that are in force over its own, and bears no certificate.

    Args:
        load: builds the pipeline.
        out: folder for records and corpora aside.
        overrides: as ``--set`` takes them, for every run.
        tenant: on whose behalf questions are asked.
        seed: of the pipeline.
        batch: questions that go through the pipeline together; answers do not depend
            on it.
        tell: told how far a run has come.
        in_force: puts thresholds in force; by default those of the certificate.
    """

    def __init__(
        self,
        load: Load,
        out: Path,
        *,
        overrides: Collection[str] = (),
        tenant: str = DEFAULT_TENANT,
        seed: int = 0,
        batch: int = 8,
        tell: Told = quiet,
        in_force: InForce = certified,
    ) -> None:
        self._load = load
        self._records = out / "records"
        self._aside = out / "aside"
        self._overrides = tuple(overrides)
        self._tenant = tenant
        self._seed = seed
        self._batch = batch
        self._tell = tell
        self._in_force = in_force
        self._base: _Base | None = None
        self._open: tuple[str, Pipeline, Pipeline] | None = None
        self._lent: Pipeline | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the pipeline go, and remove the corpus aside; records stay."""
        self._close()
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def plan(self) -> Plan:
        """See ``Runner.plan``."""
        return self._known().plan

    @property
    def fingerprint(self) -> str:
        """Of the pipeline over its own corpus."""
        return self._known().fingerprint

    @property
    def certificate(self) -> str | None:
        """Id of the certificate in force over the pipeline's own corpus."""
        return self._known().certificate

    def run(
        self,
        queries: Sequence[LabelledQuery],
        *,
        label: str,
        documents: Sequence[Document] | None = None,
        overrides: Collection[str] = (),
    ) -> list[Record]:
        """See ``Runner.run``."""
        return self._run(queries, label, documents, tuple(overrides), {}, "")

    def run_changed(
        self,
        queries: Sequence[LabelledQuery],
        *,
        label: str,
        changes: Mapping[str, RankingChange],
        node: str = "",
        documents: Sequence[Document] | None = None,
    ) -> list[Record]:
        """See ``runner_abilities.ChangesRankings``."""
        place = node or self.plan.ranking
        if place is None:
            raise UsageError(
                "the pipeline makes no ranking before it selects: there is nothing to change"
            )
        return self._run(queries, label, documents, (), changes, place)

    def write(
        self, prompts: Sequence[Prompt], *, max_tokens: int, stop: Sequence[str], draw: int = 0
    ) -> list[str]:
        """See ``runner_abilities.Writes``."""
        model = self._language_model()
        written: list[str] = []
        for start in range(0, len(prompts), self._batch):
            some = prompts[start : start + self._batch]
            made = model.generate_batch(
                some,
                [RunContext(seed=self._seed) for _ in some],
                max_tokens=max_tokens,
                stop=stop,
                temperature=0.0 if draw == 0 else 0.8,
                draw=draw,
            )
            written += [one.text for one in made]
            self._tell("writing", len(written), len(prompts))
        return written

    def _language_model(self) -> LanguageModel:
        """The pipeline's language model, loaded; nothing else is where nothing else was."""
        if self._open is not None:
            pipeline = self._open[1]
        elif self._lent is not None:
            pipeline = self._lent
        else:
            pipeline = self._load(self._overrides)
        for name, one in pipeline.resources.items():
            if isinstance(one, LanguageModel) and Ability.GENERATE in one.abilities:
                if self._open is None:
                    self._lent = pipeline
                    pipeline.start(only={name, *pipeline.needs(name)})
                return one
        raise UsageError(
            "the pipeline has no language model that generates: add one under 'resources',"
            " such as models.llama_cpp@1"
        )

    # -- one run --------------------------------------------------------------

    def _run(
        self,
        queries: Sequence[LabelledQuery],
        label: str,
        documents: Sequence[Document] | None,
        overrides: tuple[str, ...],
        changes: Mapping[str, RankingChange],
        node: str,
    ) -> list[Record]:
        base = self._known()
        asked = [to_query(one, tenant=self._tenant) for one in queries]
        keys = {one.id: digest([to_json(one), _plain(changes.get(one.id))]) for one in asked}
        if len(keys) < len(asked):
            raise DataError(f"two questions of the run '{label}' have one id; ids are unique")
        identity = digest(
            {
                "label": label,
                "base": base.fingerprint,
                "thresholds": dict(base.thresholds),
                "certificate": base.certificate,
                "void": base.void,
                "overrides": list(overrides),
                "documents": None if documents is None else sorted(one.digest for one in documents),
                "node": node,
                "seed": self._seed,
            }
        )
        file = KeptRecords(self._records / f"{slug(label)}-{identity[:12]}.jsonl", keys)
        done = file.read()
        left = [one for one in asked if one.id not in done]
        if left:
            pipeline = self._pipeline(documents, overrides)
            if changes:
                corpora = [one for one in pipeline.resources.values() if isinstance(one, Corpus)]
                only = corpora[0] if len(corpora) == 1 else None
                pipeline = with_changed_rankings(pipeline, node, changes, only)
            self._answer(pipeline, left, label, file, done)
        return [done[one.id] for one in asked]

    def _answer(
        self,
        pipeline: Pipeline,
        left: Sequence[Query],
        label: str,
        file: KeptRecords,
        done: dict[str, Record],
    ) -> None:
        """Ask what is left; each batch is on disk before the next one begins."""
        total = len(done) + len(left)
        for start in range(0, len(left), self._batch):
            some = pipeline.batch(left[start : start + self._batch], seed=self._seed)
            made = [one.to_json() for one in some]
            file.add(made)
            done |= {one["query_id"]: one for one in made}
            self._tell(label, len(done), total)

    # -- the pipeline ---------------------------------------------------------

    def _known(self) -> _Base:
        if self._base is None:
            pipeline = self._pipeline(None, ())
            self._base = _Base(
                fingerprint=pipeline.fingerprint(),
                plan=plan_of(pipeline),
                thresholds=_thresholds(pipeline),
                certificate=pipeline.certificate_id,
                void=pipeline.void,
            )
        return self._base

    def embed_questions(self, texts: Sequence[str]) -> Floats | None:
        """See ``Embeds.embed_questions``."""
        for one in self._pipeline(None, ()).resources.values():
            if isinstance(one, Embedder):
                return one.embed_queries(texts, [RunContext(seed=self._seed) for _ in texts])
        return None

    def _pipeline(
        self, documents: Sequence[Document] | None, overrides: tuple[str, ...]
    ) -> Pipeline:
        """The pipeline over a corpus, loaded; the one that was loaded before is closed."""
        wanted = digest(
            [
                None if documents is None else sorted(one.digest for one in documents),
                list(overrides),
            ]
        )
        if self._open is not None and self._open[0] == wanted:
            return self._open[2]
        self._close()
        said = (*self._without(overrides), *overrides)
        if documents is None:
            built = self._load(said)
            self._open = (wanted, built, built)
            built.start()
            ready = self._in_force(built, said)
        else:
            built = self._indexed(documents, said)
            self._open = (wanted, built, built)
            built.start()
            ready = self._like_base(built, said)
        self._open = (wanted, built, ready)
        return ready

    def _without(self, overrides: Collection[str]) -> tuple[str, ...]:
        """The overrides of every run, without the fields that a run sets itself."""
        own = {target_of(one) for one in overrides}
        return tuple(one for one in self._overrides if target_of(one) not in own)

    def _indexed(self, documents: Sequence[Document], overrides: Collection[str]) -> Pipeline:
        """The pipeline with its corpus in the folder aside, which holds these documents."""
        own = self._load(overrides)
        name, corpus = _corpus_of(own)
        origin = Path(corpus.config.path)
        path = f"resources.{name}.path"
        others = [one for one in overrides if target_of(one) != f"{name}.path"]
        built = self._load([*others, f"{path}={json.dumps(str(self._aside.resolve()))}"])
        _, aside = _corpus_of(built)
        self._take_embeddings(origin)
        built.start(only=built.needs(name))
        try:
            aside.index(documents, skipped={}, progress=self._tell)
        except BaseException:
            built.close()
            raise
        return built

    def _take_embeddings(self, origin: Path) -> None:
        """Vectors that the pipeline's own corpus has paid for are not paid for again."""
        source, target = origin / _CACHE, self._aside / _CACHE
        if not source.is_file() or target.exists():
            return
        self._aside.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(target)) as write,
        ):
            read.backup(write)

    def _like_base(self, built: Pipeline, overrides: Collection[str]) -> Pipeline:
        base = self._known_before()
        own = {target_of(one) for one in overrides}
        values = {
            name: value
            for name, value in base.thresholds.items()
            if built.thresholds.get(name) not in own
        }
        return replace(built.with_thresholds(values), void=base.void)

    def _known_before(self) -> _Base:
        if self._base is None:
            raise AssertionError("a run begins with what is known of the pipeline")
        return self._base

    def _close(self) -> None:
        if self._lent is not None:
            self._lent.close()
            self._lent = None
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _corpus_of(pipeline: Pipeline) -> tuple[str, LocalCorpus]:
    found = {key: one for key, one in pipeline.resources.items() if isinstance(one, Corpus)}
    local = {key: one for key, one in found.items() if isinstance(one, LocalCorpus)}
    if len(found) != 1 or not local:
        kinds = ", ".join(f"{key} ({one.name})" for key, one in found.items()) or "none"
        raise UsageError(
            "this suite asks over a changed corpus, so the pipeline must have exactly one, and"
            f" that on this machine (corpora.local@1); found {kinds}"
        )
    return next(iter(local.items()))


def _thresholds(pipeline: Pipeline) -> dict[str, Any]:
    values = {}
    for name, place in pipeline.thresholds.items():
        node, key = place.split(".", 1)
        values[name] = pipeline.steps[node].node.config.model_dump(mode="json").get(key)
    return values


def _plain(change: RankingChange | None) -> Any:
    return None if change is None else asdict(change)
