"""Models for the tests of your own stages and pipelines: small, deterministic, no files.

Each is registered, so a pipeline file may name it in the place of a real engine.

``TableLanguageModel`` (``models.table_language_model@1``)
    tells the exact probabilities that its config gives: for stages that score by likelihood,
    by next tokens, by attention or by hidden states, with numbers that can be worked by hand.
``Echo`` (``models.echo@1``)
    answers by a script of regular expressions: for stages that read what a model wrote.
``EchoReader`` (``models.echo_reader@1``)
    obeys the first imperative in its passages, else copies the nearest sentence: for guards,
    whose work is to keep planted instructions from a reader.
``HashEmbedder`` (``models.hash_embedder@1``)
    puts texts that share words near each other: for corpora and dense retrieval.
``OverlapCrossEncoder`` (``models.overlap_cross_encoder@1``)
    scores by shared words: for rerankers and everything with a threshold.
``OracleCrossEncoder`` (``models.oracle_cross_encoder@1``)
    scores by relevance judgements: how good would it be if ranking were perfect?
``BiasedCrossEncoder`` (``models.biased_cross_encoder@1``)
    adds noise and known faults to another cross-encoder: how much ranking error is borne?
"""

from assay.models.biased_cross_encoder import BiasedCrossEncoder, BiasedCrossEncoderConfig
from assay.models.echo import Echo, EchoConfig, EchoRule
from assay.models.echo_reader import EchoReader, EchoReaderConfig
from assay.models.hash_embedder import HashEmbedder, HashEmbedderConfig
from assay.models.oracle_cross_encoder import (
    Judgement,
    OracleCrossEncoder,
    OracleCrossEncoderConfig,
)
from assay.models.overlap_cross_encoder import OverlapCrossEncoder
from assay.models.probability_table import TableRow
from assay.models.table_language_model import TableLanguageModel, TableLanguageModelConfig

__all__ = [
    "BiasedCrossEncoder",
    "BiasedCrossEncoderConfig",
    "Echo",
    "EchoConfig",
    "EchoReader",
    "EchoReaderConfig",
    "EchoRule",
    "HashEmbedder",
    "HashEmbedderConfig",
    "Judgement",
    "OracleCrossEncoder",
    "OracleCrossEncoderConfig",
    "OverlapCrossEncoder",
    "TableLanguageModel",
    "TableLanguageModelConfig",
    "TableRow",
]
