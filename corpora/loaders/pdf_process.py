"""The parent's side of a worker that reads PDF files: one line of JSON out, one line back."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from assay.pipeline.errors import UsageError


class TookTooLong(Exception):
    """No answer came in time."""


class Crashed(Exception):
    """The worker died over its first file; the message says how."""


class Gone(Exception):
    """The worker, which had answered before, died: of this file, or of something before it."""


def usual_command() -> list[str]:
    """What starts a worker.

    Raises:
        UsageError: if this Python cannot say where its program lies.
    """
    if not sys.executable:
        raise UsageError(
            "PDF files are read by a second Python process, but sys.executable is empty: set it to"
            " the python program"
        )
    return [sys.executable, "-P", "-m", "assay.corpora.loaders.pdf_worker"]


class PdfProcess:
    """A worker process. Not for two threads at once.

    Args:
        command: that starts it.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # It imports from where we do.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(one or os.curdir for one in sys.path)},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stdout, self._answers), daemon=True
        )
        self._listener.start()
        self._has_answered = False

    @property
    def number(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """Send a request and wait for its answer.

        Args:
            request: JSON.
            seconds: to wait at most.

        Raises:
            TookTooLong: if no answer came in time.
            Crashed: if the worker died over its first file.
            Gone: if it died and had answered before. It may have ended for want of work, been
                killed between two files, or been worn out by the files before; so the file
                deserves a worker of its own, which tells.
        """
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError:
            pass  # it is dead; how, the empty answer tells
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TookTooLong from None
        if not answer.endswith(b"\n"):
            code = self._process.wait()
            if self._has_answered:
                raise Gone
            raise Crashed(f"signal {-code}" if code < 0 else f"exit code {code}")
        self._has_answered = True
        found: Mapping[str, Any] = json.loads(answer)
        return found

    def end(self) -> None:
        """Stop it, whatever it is at; nothing for one that was stopped."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was written to the dead cannot be delivered


def _listen(answers: IO[bytes], into: queue.SimpleQueue[bytes]) -> None:
    """Hand lines on; an empty one, or one without an end, is the last."""
    while True:
        line = answers.readline()
        into.put(line)
        if not line.endswith(b"\n"):
            return
