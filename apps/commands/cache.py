"""``assay cache``: outputs of nodes that were computed once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from assay.apps.console import out
from assay.pipeline.cache import Cache, CacheDamaged, CacheStats, default_cache_path
from assay.pipeline.errors import UsageError, nearest

_PATH = click.option(
    "--path", type=Path, help="The cache's file; ASSAY_CACHE or the user's cache if left out."
)


@click.group()
def command() -> None:
    """Look into the cache of node outputs, and empty it.

    A node is cached where its pipeline file says so. Entries never go stale: a
    key holds everything that an output depends on.
    """


@command.command()
@_PATH
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def stats(path: Path | None, as_json: bool) -> None:
    """Entries, bytes, hits and misses per component."""
    file = path or default_cache_path()
    found = _stats(file)
    components, total = found.components, found.total
    if as_json:
        every = {name: asdict(one) for name, one in components.items()}
        click.echo(json.dumps({"path": str(file), "components": every, "total": asdict(total)}))
        return
    out.print(str(file), markup=False)
    if not components:
        out.print("nothing is cached yet", markup=False)
        return
    out.print(f"{'component':<36} {'entries':>8} {'bytes':>12} {'hits':>9} {'misses':>9}")
    for name, one in (*components.items(), ("total", total)):
        figures = f"{one.entries:>8} {one.bytes:>12} {one.hits:>9} {one.misses:>9}"
        out.print(f"{name or '(not named)':<36} {figures}", markup=False)


@command.command()
@_PATH
@click.option("--component", help="Only the entries of this component, for instance toys.slow@1.")
def clear(path: Path | None, component: str | None) -> None:
    """Remove all entries and figures, or those of one component; mends a damaged file."""
    file = path or default_cache_path()
    damaged = False
    known: set[str] = set()
    try:
        known = set(_stats(file).components)
    except CacheDamaged:
        if component is not None:
            raise
        damaged = True
    if component is not None and component not in known:
        raise UsageError(f"nothing of '{component}' in {file}; {nearest(component, known)}")
    if not damaged and not file.exists():
        out.print(f"{file}: nothing is cached", markup=False)
        return
    with Cache(file) as cache:
        removed = cache.clear(component)
    done = "was damaged; a new one was begun" if damaged else f"{removed} entries removed"
    out.print(f"{file}: {done}", markup=False)


@command.command()
@_PATH
@click.argument("key")
def explain(path: Path | None, key: str) -> None:
    """What went into the KEY of an entry: digests, by name."""
    file = path or default_cache_path()
    parts = None
    if file.exists():
        with Cache(file) as cache:
            parts = cache.explain(key)
    if parts is None:
        raise UsageError(
            f"no entry '{key}' in {file}: give the whole key; entries that were not used for"
            " long leave when the cache is full"
        )
    for name, part in parts.items():
        out.print(f"{name:<20} {part}", markup=False)


def _stats(file: Path) -> CacheStats:
    """The figures; looking makes no file."""
    if not file.exists():
        return CacheStats()
    with Cache(file) as cache:
        return cache.stats()
