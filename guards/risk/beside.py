"""Where the files beside a certificate lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """The files that belong to a certificate.

    Args:
        certificate: the certificate's own path.
    """

    certificate: Path

    @property
    def path(self) -> Path:
        """The frozen path."""
        return self.certificate.with_name(f"{self.certificate.stem}.path.json")

    @property
    def ledger(self) -> Path:
        """The ledger."""
        return self.certificate.with_name(f"{self.certificate.stem}.ledger.jsonl")

    @property
    def canaries(self) -> Path:
        """Questions that show whether the pipeline still does the same."""
        return self.certificate.with_name(f"{self.certificate.stem}.canaries.json")

    @property
    def attempts(self) -> Path:
        """The log of attempts; certificates in one folder share it."""
        return self.certificate.with_name("attempts.jsonl")
