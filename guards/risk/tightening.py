"""Thresholds under a certificate may become stricter, never looser."""

from __future__ import annotations

from collections.abc import Mapping

from assay.guards.risk.losses import FALLING
from assay.guards.risk.schema import Certificate
from assay.pipeline.errors import UsageError


def tightened(
    certified: Mapping[str, float], own: Mapping[str, float | None], *, certificate_id: str
) -> dict[str, float]:
    """The certified thresholds with stricter ones in their places.

    Args:
        certified: threshold name to the value that the certificate sets.
        own: threshold name to the value wanted; None would open the gate.
        certificate_id: for the message.

    Raises:
        UsageError: for a value that is looser, no number, or for no threshold of the certificate.
    """
    values = dict(certified)
    for name, value in own.items():
        if name not in certified:
            raise UsageError(
                f"the certificate {certificate_id} sets no threshold '{name}', it sets"
                f" {', '.join(sorted(certified)) or 'none'}"
            )
        if value is None or not value >= certified[name]:
            shown = "open" if value is None else f"{value:g}"
            raise UsageError(
                f"threshold '{name}': {shown} is looser than {certified[name]:g}, which the"
                f" certificate {certificate_id} sets; set it to that or higher, or take"
                " 'certificate' out of the file to run uncertified"
            )
        values[name] = value
    return values


def still_promised(certificate: Certificate, values: Mapping[str, float]) -> tuple[str, ...]:
    """The declared risks that the certificate still covers at stricter thresholds.

    All of them at a certified point of the path; elsewhere those that fall with every
    threshold (``losses.FALLING``). The others, such as the share of wrong answers among those
    given, may be larger where fewer answers are given.
    """
    points = [
        {name: one.value for name, one in point.thresholds.items()}
        for point in certificate.certified_path
    ]
    everything = dict(values) in points
    return tuple(name for name in sorted(certificate.declared) if everything or name in FALLING)
