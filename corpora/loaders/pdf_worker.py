"""The worker that reads PDF files: ``python -m assay.corpora.loaders.pdf_worker``.

It takes a request a line on standard input and gives an answer a line on standard output
(``pdf_messages``). It ends when nobody asks for a minute, and at once when standard input ends:
then the parent is gone, and it must not outlive it even while PDFium hangs, so a thread of its own
looks at the input.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import IO

from assay.corpora.loaders.pdf_document import read_document
from assay.corpora.loaders.pdf_messages import answer_of, refusal_of, source_of

IDLE_SECONDS = 60.0
"""After so long without a request it ends."""


def main() -> None:
    """Answer until there is nothing to answer; ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a library prints is no answer
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        try:
            line = requests.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            os._exit(0)
        answers.write(answered(line) + b"\n")
        answers.flush()


def answered(line: bytes) -> bytes:
    """The answer to a request, both as JSON without a line's end."""
    source = source_of(json.loads(line))
    try:
        answer = answer_of(read_document(source))
    except Exception as error:  # noqa: BLE001 - a parser may raise anything; the parent tells it
        answer = refusal_of(error, source)
    return json.dumps(answer).encode()


def _listen(asked: IO[bytes], into: queue.SimpleQueue[bytes]) -> None:
    """Hand requests on; where they end, so does the process."""
    for line in iter(asked.readline, b""):
        into.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
