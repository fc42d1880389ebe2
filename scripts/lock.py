"""Make the lock files: exact versions with hashes, for every platform at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "extractive": ("embedded", "documents", "report"),
    "demo": ("embedded", "llama", "documents", "report"),
    "dev": ("embedded", "llama", "documents", "report", "tune", "dev"),
}


def main() -> int:
    for name, extras in LOCKS.items():
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"]
        command += ["--generate-hashes", "--no-header", "--python-version", "3.11"]
        command += [part for extra in extras for part in ("--extra", extra)]
        command += ["pyproject.toml", "--output-file", f"requirements/{name}.txt"]
        subprocess.run(command, check=True, cwd=ROOT)
        print(f"requirements/{name}.txt", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
