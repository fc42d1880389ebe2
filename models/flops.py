"""Floating-point operations of a transformer call, by a closed formula.

Source: the estimator of "Efficiency-Effectiveness Reranking FLOPs for LLM-based
Rerankers" (Peng et al., 2025), which counts a multiply-add as two operations.
Its formula differs from what a model really computes in three ways, each of
which is a switch here; the defaults count what is computed:

* it counts two feed-forward matrices, where gated layers have three (``gated``);
* it divides the attention scores by the query-to-key ratio, although grouped
  keys make the cache smaller and not the product (``grouped_scores``);
* it leaves out the output layer of generated tokens (``vocabulary``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """The sizes that the estimate needs.

    Args:
        layers: number of blocks, L.
        hidden: width of the residual stream, d.
        feed_forward: inner width of the feed-forward part, f.
        heads_per_key: query heads for one key-value head, r; 1 without grouping.
        gated: whether the feed-forward part has three matrices, as in SwiGLU.
        grouped_scores: whether the score product is divided by r, as the paper does.
        vocabulary: entries of the output layer, V; 0 leaves it out.
    """

    layers: int
    hidden: int
    feed_forward: int
    heads_per_key: float = 1.0
    gated: bool = False
    grouped_scores: bool = False
    vocabulary: int = 0

    @property
    def _width(self) -> float:
        """f, or 1.5 f where three matrices stand in place of two."""
        return self.feed_forward * (1.5 if self.gated else 1.0)

    @property
    def _score_width(self) -> float:
        """d, or d / r where the paper's division is asked for."""
        return self.hidden / (self.heads_per_key if self.grouped_scores else 1.0)

    def as_published(self) -> TransformerShape:
        """The same model counted as the paper's own calculator counts it."""
        return replace(self, gated=False, grouped_scores=True, vocabulary=0)


def decoder_weights(shape: TransformerShape) -> float:
    """N = 2 d L ((1 + 1/r) d + f), the weights that each token passes.

    >>> decoder_weights(TransformerShape(2, 4, 8))
    256.0
    """
    d = shape.hidden
    return 2 * d * shape.layers * ((1 + 1 / shape.heads_per_key) * d + shape._width)


def decoder(shape: TransformerShape, tokens_in: int, tokens_out: int, *, cached: int = 0) -> float:
    """Operations of one call of a decoder-only model.

    Args:
        shape: the model's sizes.
        tokens_in: tokens of the prompt.
        tokens_out: tokens generated, or scored one by one.
        cached: tokens at the prompt's start whose keys and values were kept from
            an earlier call, at most ``tokens_in``.

    >>> decoder(TransformerShape(2, 4, 8, heads_per_key=2, grouped_scores=True), 10, 2)
    7312.0
    """
    weights = decoder_weights(shape)
    scores = shape.layers * shape._score_width
    prefill = 2 * weights * (tokens_in - cached) + 4 * scores * (tokens_in**2 - cached**2)
    pairs = 2 * tokens_out * tokens_in + tokens_out * (tokens_out - 1)
    decode = 2 * weights * tokens_out + 2 * scores * pairs
    return prefill + decode + 2 * shape.hidden * shape.vocabulary * tokens_out


def encoder(shape: TransformerShape, tokens_in: int) -> float:
    """Operations of one text, or one pair, through an encoder: 2 N n + 4 L n^2 d.

    N is 2 d L (2 d + f).

    >>> encoder(TransformerShape(2, 4, 8), 10)
    8320.0
    """
    d = shape.hidden
    weights = 2 * d * shape.layers * (2 * d + shape._width)
    return 2 * weights * tokens_in + 4 * shape.layers * d * tokens_in**2


def encoder_decoder(shape: TransformerShape, tokens_in: int, tokens_out: int) -> float:
    """Operations of one call of an encoder-decoder model with equal halves.

    >>> encoder_decoder(TransformerShape(2, 4, 8), 10, 1)
    10560.0
    """
    d, layers = shape.hidden, shape.layers
    weights = 2 * d * layers * (3 * d + shape._width)
    cross = 4 * layers * tokens_in * d**2
    pairs = 2 * tokens_out * tokens_in + tokens_out * (tokens_out - 1)
    decode = 2 * weights * tokens_out + 2 * layers * d * pairs
    return encoder(shape, tokens_in) + cross + decode + 2 * d * shape.vocabulary * tokens_out
