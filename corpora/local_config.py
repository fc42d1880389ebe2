"""Settings of ``corpora.local@1``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator, model_validator

from assay.corpora.analyzer import CjkTerms, StemmerName, StopWords
from assay.pipeline.component import Config, relative_to

FieldName = Literal["all", "body", "title", "headings"]
"""What of a passage is searched: title and text together, the text, the document's title, the
headings above it."""

TANTIVY_K1, TANTIVY_B = 1.2, 0.75
"""What tantivy computes with, and what the others do unless told otherwise."""


class LocalCorpusConfig(Config):
    """Where the corpus lies, how documents are cut and read, and how passages are indexed."""

    path: str = Field(description="folder of the index, relative to the pipeline file")
    chunker: Literal["structure", "sentences", "tokens", "rows"] = Field(
        default="structure", description="how documents are cut into passages"
    )
    max_words: int = Field(
        default=120,
        ge=20,
        le=2000,
        description="most words of a passage; a tail may exceed it; with 'chunker: tokens' most"
        " tokens of the embedder, where it tells them, and never more",
    )
    overlap: int = Field(
        default=0,
        ge=0,
        le=5,
        description="sentences repeated from the passage before; tokens or words with 'chunker:"
        " tokens', rows with 'chunker: rows'",
    )
    stop_words: StopWords = Field(
        default="none", description="language whose function words BM25 leaves out"
    )
    stemmer: StemmerName = Field(
        default="english", description="language by which word endings are folded"
    )
    cjk: CjkTerms = Field(
        default="bigrams",
        description="terms of Chinese and Japanese; jieba cuts Chinese into words (extra cjk)",
    )
    fields: dict[FieldName, PositiveFloat] = Field(
        default={"all": 1.0},
        min_length=1,
        description="what BM25 searches, with weights; several are fused by rank",
    )
    lexical: Literal["numpy", "tantivy", "bm25s", "rank_bm25"] = Field(
        default="numpy", description="library that keeps the words"
    )
    k1: float = Field(
        default=TANTIVY_K1, ge=0, le=10, description="BM25: how soon repetition is enough"
    )
    b: float = Field(default=TANTIVY_B, ge=0, le=1, description="BM25: how much length counts")
    dense: Literal["auto", "flat", "hnsw", "ivf"] = Field(
        default="auto", description="how vectors are searched; auto chooses by their number"
    )
    quantise: Literal["auto", "none", "half", "scalar", "product"] = Field(
        default="auto", description="how vectors are kept; auto chooses by their number"
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where vectors are searched")

    @field_validator("path")
    @classmethod
    def _seen_from_the_file(cls, path: str, info: ValidationInfo) -> str:
        if not path.strip():
            raise ValueError("the corpus needs a folder; write for example 'path: index'")
        base = (info.context or {}).get("base", Path())
        return str(relative_to(base, path))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.lexical == "tantivy" and (self.k1, self.b) != (TANTIVY_K1, TANTIVY_B):
            raise ValueError(
                f"tantivy's BM25 has k1 = {TANTIVY_K1} and b = {TANTIVY_B}; write"
                " 'lexical: numpy' for others"
            )
        return self
