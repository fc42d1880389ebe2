"""Every engine keeps what models promise: one file, all engines, abilities where declared.

To add an engine, write how it is opened and put it into the table of its kind; a registered
model that stands in none of them fails the last test.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import CrossEncoder, Embedder
from assay.pipeline import registry
from assay.pipeline.component import Config, Resource
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from tests.conformance import cross_encoder as cross_encoders
from tests.conformance import embedder as embedders
from tests.conformance import language_model as language_models
from tests.conformance.language_model_scores import SCORE_CHECKS, SCORE_NEEDS

SMALL = "smollm2-135m-instruct-q4_1"
CHAT_MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
GIVEN = frozenset({"given.langchain_chat@1", "given.langchain_embeddings@1"})
"""Engines that a program makes itself; the registry lists none of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine is opened.

    Args:
        folder: for files, this engine's own.
        needs: gives a catalogue key back, or skips where the cache lacks the model.
    """

    folder: Path
    needs: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Opened:
    """How an engine is made, and what the kit must know of it (see the kits' subjects)."""

    make: Callable[[], Any]
    known: Mapping[str, Any]


Opener = Callable[[Place], AbstractContextManager[Opened]]


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of a table.

    Args:
        name: registered name.
        opener: opens it, or skips with what is missing.
        files: whether it needs models of the cache.
    """

    name: str
    opener: Opener
    files: bool = False


def wanted(*libraries: str, extra: str) -> None:
    """Skip where a library is not installed."""
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}: pip install 'assay[{extra}]'")


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


# -- language models ------------------------------------------------------------


@contextmanager
def table(place: Place) -> Iterator[Opened]:
    from assay.models.table_language_model import TableLanguageModel

    config = TableLanguageModel.Config.model_validate(
        {
            "rows": [
                {"after": " the", "then": {" sea": 0.5, " yes": 0.2, " no": 0.2}},
                {"after": "sea", "then": {" and": 0.6, ".": 0.2, "": 0.1}},
                {"after": "[.:,]", "then": {" yes": 0.4, " no": 0.3, " the": 0.2}},
            ],
            "otherwise": {" the": 0.4, " yes": 0.2, " no": 0.1, " and": 0.1, "": 0.1},
            "context_tokens": 1024,
        }
    )
    known = {"tolerance": 0.0, "loads": False, "controls": CHAT_MARKS}
    yield Opened(lambda: TableLanguageModel(config), known)


SCRIPTED: Mapping[str, Any] = {"loads": False, "controls": CHAT_MARKS, "samples": False}


@contextmanager
def echo(place: Place) -> Iterator[Opened]:
    from assay.models.echo import Echo, EchoConfig, EchoRule

    rules = [EchoRule(when="sky", say="It is blue, as everybody knows.")]
    yield Opened(lambda: Echo(EchoConfig(rules=rules)), SCRIPTED)


@contextmanager
def echo_reader(place: Place) -> Iterator[Opened]:
    from assay.models.echo_reader import EchoReader, EchoReaderConfig

    yield Opened(lambda: EchoReader(EchoReaderConfig()), SCRIPTED)


@contextmanager
def llama_cpp(place: Place) -> Iterator[Opened]:
    wanted("llama_cpp", "llguidance", extra="llama")
    from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

    config = LlamaCppConfig(model=place.needs(SMALL), context_tokens=1024, threads=1)
    known = {"tolerance": 1e-4, "controls": CHAT_MARKS, "layers": (-1,)}
    yield Opened(lambda: LlamaCpp(config), known)


@contextmanager
def transformers(place: Place) -> Iterator[Opened]:
    wanted("torch", "transformers", "gguf", "llguidance", extra="torch")
    engine = registry.find("models.transformers@1")
    config = engine.Config.model_validate(
        {"model": place.needs(SMALL), "context_tokens": 1024, "device": "cpu"}
    )
    yield Opened(lambda: engine(config), {"tolerance": 2e-3, "controls": CHAT_MARKS})


@contextmanager
def openai(place: Place) -> Iterator[Opened]:
    wanted("openai", extra="openai")
    place.needs(SMALL)
    from assay.models.openai import OpenAi
    from assay.models.openai_api.config import OpenAiConfig
    from tests.models.llama_server import llama_server

    with llama_server(context_tokens=1024) as address:
        config = OpenAiConfig(
            model=SMALL, base_url=address, context_tokens=1024, api="completions", logprobs=5
        )  # fmt: skip
        known = {
            "tolerance": 0.05, "caches": False, "samples": False, "exact": False,
            "converses": False,  # a plain continuation has no template
        }  # fmt: skip
        yield Opened(lambda: OpenAi(config), known)


@contextmanager
def langchain_chat(place: Place) -> Iterator[Opened]:
    wanted("langchain_core", extra="langchain")
    from langchain_core.language_models import FakeListChatModel

    from assay.models.langchain_chat import LangchainChat

    def make() -> LangchainChat:
        said = FakeListChatModel(responses=["It is blue, as everybody knows."])
        return LangchainChat(said, context_length=1024)

    known = {**SCRIPTED, "obeys_max_tokens": False}
    yield Opened(make, known)


LANGUAGE_MODELS = (
    Engine("models.table_language_model@1", table),
    Engine("models.echo@1", echo),
    Engine("models.echo_reader@1", echo_reader),
    Engine("given.langchain_chat@1", langchain_chat),
    Engine("models.llama_cpp@1", llama_cpp, files=True),
    Engine("models.transformers@1", transformers, files=True),
    Engine("models.openai@1", openai, files=True),
)


# -- embedders ------------------------------------------------------------------


@contextmanager
def hash_embedder(place: Place) -> Iterator[Opened]:
    from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig

    known = {"tolerance": 0.0, "loads": False, "windows": False}
    yield Opened(lambda: HashEmbedder(HashEmbedderConfig()), known)


@contextmanager
def onnx_embedder(place: Place) -> Iterator[Opened]:
    wanted("onnxruntime", "tokenizers", extra="embedded")
    from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig

    config = OnnxEmbedderConfig(model=place.needs("bge-small-en-v1.5-int8"), max_tokens=128)
    yield Opened(lambda: OnnxEmbedder(config), {"tolerance": 0.02})


@contextmanager
def torch_embedder(place: Place) -> Iterator[Opened]:
    wanted("torch", "transformers", "sentence_transformers", extra="torch")
    from assay.models.torch_embedder import TorchEmbedder, TorchEmbedderConfig
    from tests.models.test_torch_embedder import save

    save(place.folder / "tiny", normalise=True)
    config = TorchEmbedderConfig(model=str(place.folder / "tiny"), device="cpu")
    yield Opened(lambda: TorchEmbedder(config), {"tolerance": 1e-4, "understands": False})


@contextmanager
def llama_cpp_embedder(place: Place) -> Iterator[Opened]:
    wanted("llama_cpp", extra="llama")
    from assay.models.llama_cpp_embedder import LlamaCppEmbedder, LlamaCppEmbedderConfig

    config = LlamaCppEmbedderConfig(
        model=place.needs(SMALL), pooling="mean", max_tokens=128, threads=1
    )
    yield Opened(lambda: LlamaCppEmbedder(config), {"tolerance": 1e-2})


@contextmanager
def openai_embedder(place: Place) -> Iterator[Opened]:
    wanted("openai", extra="openai")
    from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
    from assay.models.openai_embedder import OpenAiEmbedder, OpenAiEmbedderConfig
    from tests.models.faulty_server import faulty_server

    behind = HashEmbedder(HashEmbedderConfig())
    with faulty_server() as server:
        server.vector = lambda text: behind.embed_passages([text], [RunContext()])[0].tolist()
        config = OpenAiEmbedderConfig(model="m", base_url=server.base_url, max_tokens=128)
        yield Opened(lambda: OpenAiEmbedder(config), {"tolerance": 1e-5})


@contextmanager
def langchain_embeddings(place: Place) -> Iterator[Opened]:
    wanted("langchain_core", extra="langchain")
    from langchain_core.embeddings import DeterministicFakeEmbedding

    from assay.models.langchain_embeddings import LangchainEmbeddings

    known = {"loads": False, "windows": False}
    yield Opened(lambda: LangchainEmbeddings(DeterministicFakeEmbedding(size=12)), known)


EMBEDDERS = (
    Engine("models.hash_embedder@1", hash_embedder),
    Engine("given.langchain_embeddings@1", langchain_embeddings),
    Engine("models.onnx_embedder@1", onnx_embedder, files=True),
    Engine("models.torch_embedder@1", torch_embedder),
    Engine("models.llama_cpp_embedder@1", llama_cpp_embedder, files=True),
    Engine("models.openai_embedder@1", openai_embedder),
)


# -- cross-encoders ---------------------------------------------------------------


@contextmanager
def overlap(place: Place) -> Iterator[Opened]:
    from assay.models.overlap_cross_encoder import OverlapCrossEncoder

    known = {"tolerance": 0.0, "loads": False, "windows": False}
    yield Opened(lambda: OverlapCrossEncoder(Config()), known)


@contextmanager
def oracle(place: Place) -> Iterator[Opened]:
    from assay.models.oracle_cross_encoder import OracleCrossEncoder

    judged = {
        "query": cross_encoders.QUERY, "passage": cross_encoders.ANSWER, "relevance": 2.0
    }  # fmt: skip
    config = OracleCrossEncoder.Config.model_validate({"judgements": [judged]})
    yield Opened(lambda: OracleCrossEncoder(config), {"tolerance": 0.0, "windows": False})


@contextmanager
def biased(place: Place) -> Iterator[Opened]:
    from assay.models.biased_cross_encoder import BiasedCrossEncoder, BiasedCrossEncoderConfig
    from assay.models.overlap_cross_encoder import OverlapCrossEncoder

    config = BiasedCrossEncoderConfig(noise=0.1, length=0.1, position=0.2, overlap=0.5)
    known = {"tolerance": 0.0, "loads": False, "windows": False}
    yield Opened(lambda: BiasedCrossEncoder(config, model=OverlapCrossEncoder(Config())), known)


@contextmanager
def token_logit_scorer(place: Place) -> Iterator[Opened]:
    from assay.models.table_language_model import TableLanguageModel
    from assay.models.token_logit_scorer import TokenLogitScorer, TokenLogitScorerConfig

    table_config = TableLanguageModel.Config.model_validate(
        {
            "rows": [{"after": "nine o'clock.*", "then": {" yes": 0.8, " no": 0.1}}],
            "otherwise": {" yes": 0.1, " no": 0.8},
        }
    )
    config = TokenLogitScorerConfig(max_tokens=256)
    known = {"tolerance": 0.0, "loads": False}
    yield Opened(lambda: TokenLogitScorer(config, model=TableLanguageModel(table_config)), known)


@contextmanager
def onnx_cross_encoder(place: Place) -> Iterator[Opened]:
    wanted("onnxruntime", "tokenizers", extra="embedded")
    from assay.models.onnx_cross_encoder import OnnxCrossEncoder, OnnxCrossEncoderConfig

    config = OnnxCrossEncoderConfig(
        model=place.needs("ms-marco-minilm-l12-v2-int8"), max_tokens=128
    )
    yield Opened(lambda: OnnxCrossEncoder(config), {"tolerance": 0.5})


@contextmanager
def torch_cross_encoder(place: Place) -> Iterator[Opened]:
    wanted("torch", "transformers", "sentence_transformers", extra="torch")
    from assay.models.torch_cross_encoder import TorchCrossEncoder, TorchCrossEncoderConfig
    from tests.models.test_torch_cross_encoder import save

    save(place.folder / "tiny", labels=1)
    config = TorchCrossEncoderConfig(model=str(place.folder / "tiny"), max_tokens=48, device="cpu")
    yield Opened(lambda: TorchCrossEncoder(config), {"understands": False})


CROSS_ENCODERS = (
    Engine("models.overlap_cross_encoder@1", overlap),
    Engine("models.oracle_cross_encoder@1", oracle),
    Engine("models.biased_cross_encoder@1", biased),
    Engine("models.token_logit_scorer@1", token_logit_scorer),
    Engine("models.onnx_cross_encoder@1", onnx_cross_encoder, files=True),
    Engine("models.torch_cross_encoder@1", torch_cross_encoder),
)


# -- the checks -------------------------------------------------------------------


def rows(engines: tuple[Engine, ...]) -> list[Any]:
    return [
        pytest.param(one, id=one.name, marks=[pytest.mark.models] if one.files else [])
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
    assert len(listed) == len(engines)
