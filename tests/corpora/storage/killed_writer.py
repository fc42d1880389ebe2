"""A process whose children update a store until they are killed.

``python killed_writer.py`` reads from its input, line by line, how many seconds the next child may
live once it has begun an update, and the folder of its store. It tells ``begun N`` and ``committed N`` for the generations that the child works
on, and ``dead`` when the child is. It imports once and forks, so that children start at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from assay.corpora.storage.sqlite_store import SqliteStore
from tests.conformance.store_subject import Entry, entry, newest, put


def held(generation: int) -> list[Entry]:
    """What a generation holds; hardly anything of it is in the next one, too."""
    if not generation:
        return []
    names = [f"d{(generation + step) % 9}" for step in range(6)]
    return [
        entry(
            name, f"{name} of {generation}.", "Shared.", *(f"{generation} " * 50 for _ in range(8))
        )
        for name in names
    ]


def update(store: SqliteStore, number: int) -> None:
    """Make a generation of its predecessor."""
    now = held(number)
    names = {one.key for one in now}
    with store.updating() as change:
        put(change, *now)
        for one in held(number - 1):
            if one.key not in names:
                change.remove(*one.key)
        change.changes("local")
        if change.commit(settings={"number": number}, indexes={}) != number:
            raise AssertionError(f"expected generation {number}")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def work(folder: Path, started: int) -> None:
    store = SqliteStore(folder)
    number = 0
    if folder.exists():
        with newest(store) as snapshot:
            number = snapshot.generation
    while True:
        number += 1
        tell(f"begun {number}")
        os.write(started, b".")
        update(store, number)
        tell(f"committed {number}")


def main() -> None:
    tell("ready")
    for line in sys.stdin:
        seconds, folder = line.rstrip("\n").split(" ", 1)
        hears, started = os.pipe()
        child = os.fork()
        if not child:
            try:
                work(Path(folder), started)
            finally:
                os._exit(1)
        os.close(started)
        os.read(hears, 1)
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(hears)
        tell("dead")


if __name__ == "__main__":
    main()
