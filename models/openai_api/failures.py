"""What can go wrong between here and a server, and whether it may pass by itself."""

from __future__ import annotations

import importlib
import math
import time
from email.utils import parsedate_to_datetime

TRANSIENT = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may pass by themselves."""
NEXT_STEP = {
    400: "check that the server knows the model and takes the engine's options",
    401: "check api_key",
    403: "check api_key and what it may use",
    404: "check model and base_url, which often ends with /v1",
    422: "check that the server takes the engine's options",
    429: "wait, or lower concurrency",
}
"""What to do about a status."""


class FailedTry(Exception):
    """One try that failed: what was found, what to do, and whether it may pass by itself."""

    def __init__(
        self, finding: str, next_step: str, *, transient: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(finding)
        self.finding = finding
        self.next_step = next_step
        self.transient = transient
        self.wait = wait


def transport_errors() -> tuple[type[Exception], ...]:
    """Roots of what the library's HTTP client raises; which client depends on its version."""
    found: list[type[Exception]] = []
    for name in ("httpx", "httpx2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found += [module.HTTPError, module.StreamError, module.InvalidURL]
    return tuple(found)


def seconds_to_wait(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for; None without one that is understood."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = until.timestamp() - time.time()
    return max(0.0, seconds) if math.isfinite(seconds) else None
