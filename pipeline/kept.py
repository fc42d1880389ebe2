"""Node outputs kept by content: what a ``cache: true`` policy does.

The key holds all that an output depends on: component and its code, config in force,
fingerprints of the resources it uses and of those that they use, inputs, scope, seed.
Notes are kept with the output, so that a record says the same; its costs are those
of this run, that is none. Abstentions and errors are never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from assay.pipeline.cache import Cache, default_cache_path
from assay.pipeline.cache_file import CacheBusy
from assay.pipeline.cache_key import cache_key, key_parts
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError
from assay.pipeline.value_codec import decode, encode
from assay.pipeline.words import Abstention, Scalar

if TYPE_CHECKING:
    from assay.pipeline.execute import Executor
    from assay.pipeline.frame import Frame
    from assay.pipeline.graph import Pipeline
    from assay.pipeline.plan import Task


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

    def __call__(
        self, executor: Executor, task: Task, arguments: Mapping[str, Any], frame: Frame
    ) -> Any:
        """The kept output, else the node's own, which is then kept.

        Raises:
            WorldError: if the cache's file cannot be read or written. That another process
                holds it is no error: the output is then computed and not kept.
            NotEncodable: if an input cannot be part of a key.
        """
        step = task.step
        context = frame.contexts.get(task.place) or frame.context(task)
        parts = key_parts(
            component=step.node.name,
            code=self._codes[step.name],
            config=step.node.config,
            resources=self._resources[step.name],
            inputs={port: one for port, one in arguments.items() if port != task.context},
            scope=frame.query.scope,
            seed=frame.seed,
        )
        key = cache_key(parts)
        kind = tuple[step.signature.output, dict[str, Scalar]]  # type: ignore[name-defined]
        with suppress(DataError, CacheBusy):  # of an older version, or locked: computed anew
            found = self._cache.get(key, component=step.node.name)
            if found is not None:
                output, notes = decode(found, kind)
                context.note(**notes)
                return output
        output = executor.tried(task, dict(arguments), frame)
        if not isinstance(output, Abstention):
            used = frame.contexts.get(task.place) or context
            data = encode((output, dict(used.notes)))
            with suppress(CacheBusy):
                self._cache.put(key, data, component=step.node.name, parts=parts)
        return output

    def close(self) -> None:
        """Let the file go."""
        self._cache.close()
