"""How a selector is trained, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sizes and strengths, the same for every member of the ensemble.

    Args:
        width: of a passage inside the network.
        heads: of each attention.
        layers: of attention and feed-forward each.
        products: width of the projections of vectors.
        pieces: into which the range of each feature is cut.
        dropout: share of numbers set to 0 between layers.
        vector_dropout: the same for what is made of vectors, which is what overfits first.
        left_out: share of a question's passages that an epoch leaves out, never the best.
        decay: weight decay of matrices (AdamW).
        rate: largest learning rate; rises over two epochs and falls as a cosine.
        batch: questions at a time.
        patience: epochs without a better loss on the stopping part after which a member ends.
        members: networks in the ensemble.
    """

    width: int = 32
    heads: int = 2
    layers: int = 2
    products: int = 8
    pieces: int = 6
    dropout: float = 0.3
    vector_dropout: float = 0.9
    left_out: float = 0.2
    decay: float = 0.3
    rate: float = 2e-3
    batch: int = 64
    patience: int = 8
    members: int = 3
