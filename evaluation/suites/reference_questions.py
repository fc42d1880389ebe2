"""The questions with which others are compared: a labelled set, or its certified part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.suites.comparing import counted
from assay.evaluation.uses import question_digest
from assay.guards.risk.certificate import load_certificate
from assay.guards.risk.ledger import Files, read_ledger
from assay.pipeline.errors import UsageError


def reference_questions(
    dataset: Dataset, reference: str, certificate: str, notes: list[str]
) -> Dataset:
    """The reference set, without the questions that are asked.

    Args:
        dataset: what is asked.
        reference: folder of a labelled set.
        certificate: path of one, '' for all questions of the set; else only those in the
            ledger beside the certificate.
        notes: told what was left out.

    Raises:
        UsageError: if there is no such folder, or nothing is left.
        CertificateError: if the certificate is not there, or was altered.
    """
    if not reference:
        raise UsageError(
            "say which questions to compare with: --option reference=FOLDER, a labelled set"
        )
    folder = Path(reference)
    if folder.is_file():
        raise UsageError(
            f"'{folder}' is a file, and a certificate holds no questions: give the labelled"
            " set as reference=, and the certificate as certificate="
        )
    tenants = {one.scope.tenant for one in dataset.documents}
    tenant = tenants.pop() if len(tenants) == 1 else labelled.DEFAULT_TENANT
    found = labelled.load(folder, tenant=tenant)
    if certificate:
        found = _certified(found, Path(certificate), notes)
    asked = {question_digest(one) for one in dataset.queries}
    left = tuple(one for one in found.queries if question_digest(one) not in asked)
    if not left:
        raise UsageError(f"all questions of the reference '{found.name}' are asked as well")
    if len(left) < len(found.queries):
        notes.append(
            f"{counted(len(found.queries) - len(left), 'question')} of the reference asked as"
            " well, and left out of it."
        )
    return replace(found, queries=left)


def _certified(found: Dataset, path: Path, notes: list[str]) -> Dataset:
    """Only the questions on which a certificate was made."""
    certificate = load_certificate(path)
    ledger = Files(path).ledger
    if not ledger.exists():
        raise UsageError(
            f"'{ledger}' is missing: a certificate's questions are known by the ledger beside it"
        )
    names = {one.id for one in read_ledger(ledger.read_bytes())}
    kept = tuple(one for one in found.queries if one.id in names)
    if not kept:
        raise UsageError(
            f"none of the {counted(len(names), 'question')} of the certificate {certificate.id} is"
            f" in '{found.name}': give the set that it was made on as reference="
        )
    notes.append(
        f"Of the reference, the {counted(len(kept), 'question')} that the certificate"
        f" {certificate.id} was made on ({len(names)} in its ledger)."
    )
    return replace(found, queries=kept)
