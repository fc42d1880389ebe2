"""Every engine keeps what models promise: one file, all engines, abilities where declared.

To add an engine, write in ``engines`` how it is opened and put it into the table of its kind; a
registered model that stands in none of them fails the last test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import CrossEncoder, Embedder
from assay.pipeline import registry
from assay.pipeline.component import Resource
from assay.pipeline.errors import ModelError
from tests.conformance import cross_encoder as cross_encoders
from tests.conformance import embedder as embedders
from tests.conformance import language_model as language_models
from tests.conformance.engines import CROSS_ENCODERS, EMBEDDERS, LANGUAGE_MODELS, Engine, Place
from tests.conformance.language_model_scores import SCORE_CHECKS, SCORE_NEEDS

GIVEN = frozenset({"given.langchain_chat@1", "given.langchain_embeddings@1"})
"""Engines that a program makes itself; the registry lists none of them."""


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    from assay.models.files.store import default_store

    def check(key: str) -> str:
        try:
            default_store().locate(key)
        except ModelError as error:
            pytest.skip(str(error))
        return key

    return check


def rows(engines: tuple[Engine, ...]) -> list[Any]:
    return [
        pytest.param(one, id=one.row, marks=[pytest.mark.models] if one.files else [])
        for one in engines
    ]


@contextmanager
def opened(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs: Callable[[str], str],
    subject: Callable[..., Any],
) -> Iterator[Any]:
    engine: Engine = request.param
    folder = tmp_path_factory.mktemp("engine")
    with engine.opener(Place(folder, needs)) as how:
        model = how.make()
        assert model.name == engine.name
        model.start()
        try:
            yield subject(make=how.make, model=model, **how.known)
        finally:
            model.close()


@pytest.fixture(scope="module", params=rows(LANGUAGE_MODELS))
def language_model(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs: Callable[[str], str],
) -> Iterator[language_models.LanguageModelSubject]:
    kind = language_models.LanguageModelSubject
    with opened(request, tmp_path_factory, needs, kind) as subject:
        yield subject


@pytest.fixture(scope="module", params=rows(EMBEDDERS))
def embedder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs: Callable[[str], str],
) -> Iterator[embedders.EmbedderSubject]:
    with opened(request, tmp_path_factory, needs, embedders.EmbedderSubject) as subject:
        yield subject


@pytest.fixture(scope="module", params=rows(CROSS_ENCODERS))
def cross_encoder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs: Callable[[str], str],
) -> Iterator[cross_encoders.CrossEncoderSubject]:
    kind = cross_encoders.CrossEncoderSubject
    with opened(request, tmp_path_factory, needs, kind) as subject:
        yield subject


LANGUAGE_MODEL_CHECKS = {**language_models.CHECKS, **SCORE_CHECKS}
ABILITY_OF: Mapping[str, Ability] = {**language_models.NEEDS, **SCORE_NEEDS}


@pytest.mark.parametrize("check", LANGUAGE_MODEL_CHECKS)
def test_the_language_model_keeps_the_promise(
    check: str, language_model: language_models.LanguageModelSubject
) -> None:
    ability = ABILITY_OF.get(check)
    if ability is not None and ability not in language_model.model.abilities:
        pytest.skip(f"{language_model.name} does not declare {ability}")
    LANGUAGE_MODEL_CHECKS[check](language_model)


@pytest.mark.parametrize("check", embedders.CHECKS)
def test_the_embedder_keeps_the_promise(check: str, embedder: embedders.EmbedderSubject) -> None:
    embedders.CHECKS[check](embedder)


@pytest.mark.parametrize("check", cross_encoders.CHECKS)
def test_the_cross_encoder_keeps_the_promise(
    check: str, cross_encoder: cross_encoders.CrossEncoderSubject
) -> None:
    cross_encoders.CHECKS[check](cross_encoder)


@pytest.mark.parametrize(
    ("kind", "engines"),
    [(LanguageModel, LANGUAGE_MODELS), (Embedder, EMBEDDERS), (CrossEncoder, CROSS_ENCODERS)],
    ids=["language models", "embedders", "cross-encoders"],
)
def test_every_registered_model_stands_in_its_table(
    kind: type[Resource], engines: tuple[Engine, ...]
) -> None:
    registered = {name for name in registry.names() if issubclass(registry.find(name), kind)}
    listed = {one.name for one in engines}
    missing = sorted(registered - listed)
    assert not missing, f"{missing} are in no table of tests/conformance/test_models.py: add them"
    assert listed - registered <= GIVEN, "the table names models that are not registered"
    assert len({one.row for one in engines}) == len(engines)
