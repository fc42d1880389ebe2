"""The corpus: how fast documents come in, are found again, opened and updated, up to a million.

    python benchmarks/corpora.py all
    python benchmarks/corpora.py ingest|build|bm25|dense|open|update [--passages N]

All parts work on the same passages, made of the sentences of the labelled sets in ``--data-root``
(see ``corpus_speed/passages.py``), and keep everything in ``--work``, so that a later part, or a
second run, builds nothing again: delete that folder to begin anew. Tables go to standard output
and, with their figures, to ``<work>/<passages>/figures``. Each part has its own ``--help``.

Needs the extra embedded and ``assay models pull bge-small-en-v1.5-int8``, and numba where bm25s is
to be measured with it. A million passages need 10 GB on the disk, 8 GB of memory and on two cores
some 40 minutes: embedding the sentences 4 (once), ingest 1, build 15, bm25 8, dense 8, open 1,
update 3.
Measure on a quiet machine.
"""

from __future__ import annotations

import sys

from corpus_speed import building, dense, ingest, lexical, opening, updating, worker

PARTS = {
    "ingest": ingest.main,
    "build": building.main,
    "bm25": lexical.main,
    "dense": dense.main,
    "open": opening.main,
    "update": updating.main,
}
INSIDE = {"worker": worker.main}
"""What the parts themselves start in other processes."""


def run_all(arguments: list[str]) -> int:
    """Every part, one after the other, with the same options."""
    for main in PARTS.values():
        main(arguments)
    return 0


if __name__ == "__main__":
    KNOWN = {"all": run_all, **PARTS, **INSIDE}
    if len(sys.argv) < 2 or sys.argv[1] not in KNOWN:
        sys.exit(f"{__doc__}\nSay which part: all, {', '.join(PARTS)}")
    sys.exit(KNOWN[sys.argv[1]](sys.argv[2:]))
