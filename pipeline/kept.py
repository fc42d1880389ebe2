"""Node outputs kept by content: what a ``cache: true`` policy does.

The key holds all that an output depends on: component and its code, config in force,
fingerprints of the resources it uses and of those that they use, inputs, scope, seed.
Notes are kept with the output, so that a record says the same; its costs are those
of this run, that is none. Abstentions and errors are never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.pipeline.cache import Cache, default_cache_path
from assay.pipeline.cache_file import CacheBusy
from assay.pipeline.cache_key import cache_key, key_parts
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError
from assay.pipeline.value_codec import decode, encode
from assay.pipeline.words import Abstention, Scalar

if TYPE_CHECKING:
    from assay.pipeline.context import RunContext
    from assay.pipeline.frame import Frame
    from assay.pipeline.graph import Pipeline
    from assay.pipeline.plan import Task


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output lies: its key and what went into it."""

    key: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """An output that was kept, whatever it is."""

    output: Any


class Kept:
    """Looks outputs up before a node runs, and keeps them after.

    Args:
        pipeline: started; its resources' fingerprints go into the keys.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        parts = pipeline.parts()
        self._cache = Cache(default_cache_path())
        self._codes = {
            name: digest([node["code"], node.get("inner"), parts["libraries"]])
            for name, node in parts["nodes"].items()
        }
        self._resources = {
            name: {
                "/".join(dict.fromkeys((parameter, used, one))): fingerprint
                for parameter, used in step.resources.items()
                for one in (used, *sorted(pipeline.needs(used)))
                for fingerprint in (pipeline.resources[one].fingerprint(),)
            }
            for name, step in pipeline.steps.items()
        }

    def place(self, task: Task, arguments: Mapping[str, Any], frame: Frame) -> Place:
        """Where the output of these arguments lies.

        Raises:
            NotEncodable: if an input cannot be part of a key.
        """
        step = task.step
        parts = key_parts(
            component=step.node.name,
            code=self._codes[step.name],
            config=step.node.config,
            resources=self._resources[step.name],
            inputs={port: one for port, one in arguments.items() if port != task.context},
            scope=frame.query.scope,
            seed=frame.seed,
        )
        return Place(cache_key(parts), parts)

    def find(self, task: Task, place: Place, frame: Frame) -> Found | None:
        """The kept output, its notes put back; None if the node has to run.

        Raises:
            WorldError: if the cache's file cannot be read. That another process holds it,
                or that it is of an older version, is no error: the output is made anew.
        """
        kind = tuple[task.step.signature.output, dict[str, Scalar]]  # type: ignore[name-defined]
        with suppress(DataError, CacheBusy):
            data = self._cache.get(place.key, component=task.step.node.name)
            if data is not None:
                output, notes = decode(data, kind)
                self._context(task, frame).note(**notes)
                return Found(output)
        return None

    def keep(self, task: Task, place: Place, output: Any, frame: Frame) -> None:
        """Keep an output, unless it is an abstention.

        Raises:
            WorldError: if the cache's file cannot be written; a file that another process
                holds is none.
        """
        if isinstance(output, Abstention):
            return
        data = encode((output, dict(self._context(task, frame).notes)))
        with suppress(CacheBusy):
            self._cache.put(place.key, data, component=task.step.node.name, parts=place.parts)

    def _context(self, task: Task, frame: Frame) -> RunContext:
        return frame.contexts.get(task.place) or frame.context(task)

    def close(self) -> None:
        """Let the file go."""
        self._cache.close()
