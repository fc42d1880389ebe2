"""llama-cpp-python's own server, started for a test and ended after it."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.models.files.store import default_store

MODEL = "smollm2-135m-instruct-q4_1"
START_SECONDS = 60.0


@contextmanager
def llama_server(*, context_tokens: int = 1024, embedding: bool = False) -> Iterator[str]:
    """A server on a free port; gives its base_url.

    It is given one request at a time to compute and does not end one for another. Skips where
    llama-cpp-python[server] is not installed. The model must be in the cache: ask ``needs(MODEL)``.
    """
    for library in ("llama_cpp", "uvicorn", "fastapi", "sse_starlette", "starlette_context"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed: pip install 'llama-cpp-python[server]'")
    path = default_store().locate(MODEL).file(".gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "llama_cpp.server"),
            *("--model", str(path), "--host", "127.0.0.1", "--port", str(port)),
            *("--n_ctx", str(context_tokens), "--n_threads", "1", "--n_threads_batch", "1"),
            *("--logits_all", "true", "--interrupt_requests", "false", "--verbose", "false"),
            *("--embedding", "true" if embedding else "false"),
        ],
        cwd=Path(path).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/v1/models", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"llama_cpp.server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"llama_cpp.server did not answer within {START_SECONDS:g} s")
