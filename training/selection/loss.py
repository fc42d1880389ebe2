"""What training makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from assay.training.selection.batches import Batch


def loss_of(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Weighted mean over questions of their cross-entropy.

    It is summed over a question's passages and divided by the square root of their number, between
    the mean (a long list counts as much as a short one) and the sum. A soft F1 beside it (Milletari
    et al. 2016, "V-Net", section 3) changed nothing but calibration, so it is not there.

    Args:
        logits: shape ``(batch, n)``.
        batch: what they are for.
    """
    from torch.nn import functional

    there = batch.there.to(logits.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, batch.needed, reduction="none")
    entropy = (each * there).sum(dim=1) / there.sum(dim=1).sqrt()
    return (entropy * batch.weight).sum() / batch.weight.sum()
