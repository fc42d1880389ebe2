"""How many processor cores this process may use."""

from __future__ import annotations

import os


def thread_count(configured: int) -> int:
    """The configured number, or for 0 the cores that this process may use.

    >>> thread_count(3)
    3
    """
    if configured > 0:
        return configured
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
