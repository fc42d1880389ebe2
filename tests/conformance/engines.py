"""How every engine is opened for the conformance kits, and what the kits must know of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.pipeline import registry
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from tests.conformance import cross_encoder as cross_encoders

SMALL = "smollm2-135m-instruct-q4_1"
CHAT_MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


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
    variant: str = ""
    """What tells this row from others of the same engine."""

    @property
    def row(self) -> str:
        """The row's name in a report."""
        return f"{self.name} {self.variant}".strip()


def wanted(*libraries: str, extra: str) -> None:
    """Skip where a library is not installed."""
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}: pip install 'assay[{extra}]'")


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
def openai_chat(place: Place) -> Iterator[Opened]:
    wanted("openai", extra="openai")
    place.needs(SMALL)
    from assay.models.openai import OpenAi
    from assay.models.openai_api.config import OpenAiConfig
    from tests.models.llama_server import llama_server

    with llama_server(context_tokens=1024) as address:
        config = OpenAiConfig(
            model=SMALL, base_url=address, context_tokens=1024, structured="json_object"
        )
        known = {"tolerance": 0.05, "caches": False, "samples": False, "exact": False}
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
    Engine("models.openai@1", openai, files=True, variant="completions"),
    Engine("models.openai@1", openai_chat, files=True, variant="chat"),
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
