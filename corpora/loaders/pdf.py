"""Loads PDF files in a process of its own, which a file can crash or hang without harm to ours.

PDFium is a large library that reads whatever it is given, and cannot be stopped while it does. So
``pdf_document`` runs in a worker (``pdf_worker``), which is started with the first file, takes one
file after another, and is ended when a file takes longer than ``Limits.pdf_seconds``. The next
file gets a new one. A worker that has nothing to do for a minute, or whose parent is gone, ends by
itself.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import threading
from collections.abc import Iterator, Sequence

from assay.corpora.loaders.loaded import Loaded, Source, Unreadable
from assay.corpora.loaders.pdf_messages import loaded_of, request_of
from assay.corpora.loaders.pdf_process import Crashed, Gone, PdfProcess, TookTooLong, usual_command
from assay.pipeline.errors import UsageError


def load(source: Source) -> Iterator[Loaded]:
    """The one document of a PDF file; see ``pdf_document.read_document``.

    Raises:
        Unreadable: if it is no PDF, needs a password, is broken beyond reading, is built to
            exhaust its reader, has no text at all, takes longer than its limit, or crashes the
            library.
        UsageError: if pypdfium2 is not installed.
        OSError: if the file cannot be opened.
    """
    if importlib.util.find_spec("pypdfium2") is None:
        raise UsageError("PDF files need pypdfium2: pip install 'assay[documents]'")
    yield _WORKERS.read(source)


class Workers:
    """Worker processes that are started when needed; one for each thread that reads at once.

    Args:
        command: that starts a worker; '' for the usual one.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._free: list[PdfProcess] = []
        self._owner = os.getpid()
        self._ends_with_us = False

    def read(self, source: Source) -> Loaded:
        """Have a worker read a file.

        Raises:
            Unreadable: also if the worker died over it, or took too long.
            OSError: if the file cannot be opened, or no worker can be started.
        """
        limit = source.limits.pdf_seconds
        request = request_of(source)
        while True:
            worker = self._taken()
            try:
                answer = worker.ask(request, limit)
            except Gone:
                worker.end()  # perhaps not over this file: a new worker tells
                continue
            except TookTooLong as error:
                worker.end()
                raise Unreadable(
                    f"{source.id}: it took longer than {limit:g} seconds, so reading was stopped;"
                    " split the file, or raise the bound with --pdf-seconds"
                ) from error
            except Crashed as error:
                worker.end()
                raise Unreadable(
                    f"{source.id}: the library that reads PDF files crashed over it ({error});"
                    " save it anew from another program"
                ) from error
            except BaseException:
                worker.end()  # Ctrl-C: whatever it is at, nobody waits for it
                raise
            self._give_back(worker)
            return loaded_of(answer, source)

    def end(self) -> None:
        """End all workers that are not at work."""
        with self._lock:
            ours, self._free = self._free, []
        for one in ours:
            one.end()

    def _taken(self) -> PdfProcess:
        with self._lock:
            if self._owner != os.getpid():  # forked: these are another process's workers
                self._free, self._owner = [], os.getpid()
            if not self._ends_with_us:
                atexit.register(self.end)
                self._ends_with_us = True
            if self._free:
                return self._free.pop()
        return PdfProcess(self._command or usual_command())

    def _give_back(self, worker: PdfProcess) -> None:
        with self._lock:
            self._free.append(worker)


_WORKERS = Workers()
