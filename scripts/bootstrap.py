"""Make the virtual environment: standard library only, safe to stop and to repeat.

Says what it does, shows how far the compilation of llama.cpp is, and turns
what can go wrong into one sentence with the next step. A stamp in the
environment tells the next run that there is nothing to do.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
NEEDED_BYTES = 3_000_000_000
# Portable flags: what is compiled here also runs on another x86-64 machine with AVX2.
CMAKE_ARGS = {
    "x86_64": "-DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON",
    "other": "-DLLAVA_BUILD=OFF -DGGML_NATIVE=OFF",
}
COMPILED = "llama-cpp-python"
STEP = re.compile(r"\[(\d+)/(\d+)\]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--generator", choices=("llm", "extractive"), default="llm")
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    begin = time.monotonic()
    try:
        install(options.venv.resolve(), generator=options.generator, dev=options.dev)
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to go on", file=sys.stderr)
        return 130
    if time.monotonic() - begin > 2:
        say(f"installed in {time.monotonic() - begin:.0f} s")
    return 0


class Stop(Exception):
    """Something that the person has to mend, in one sentence."""


def say(text: str) -> None:
    print(f"[setup] {text}", flush=True)


def install(place: Path, *, generator: str, dev: bool) -> None:
    """Bring the environment at ``place`` to what was asked for."""
    lock = LOCKS / ("dev.txt" if dev else "demo.txt" if generator == "llm" else "extractive.txt")
    stamp = place / ".assay-installed"
    wanted = _digest(lock, ROOT / "pyproject.toml")
    if _stamped(stamp, lock.stem) == wanted:
        return
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so on an old Python
        raise Stop(
            f"this is Python {sys.version.split()[0]} and assay needs 3.11 or newer:"
            " install it and run 'make demo PYTHON=python3.11'"
        )
    _check_disk(place)
    python = place / "bin" / "python"
    if not _works(python):  # none yet, or one that was interrupted while it was made
        say(f"creating {place.name}")
        try:
            venv.create(place, with_pip=True, clear=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Stop(
                f"cannot create {place}: {error}; check that the folder may be written and that"
                " Python's venv module is installed (Debian: apt-get install python3-venv)"
            ) from error
    text = lock.read_text(encoding="utf-8")
    if COMPILED in text and not _has(python, COMPILED):
        _check_compiler()
        say("compiling llama.cpp, once: about 3 to 5 minutes on two cores")
        _compile(python, lock, text)
    say("installing the locked packages")
    _pip(python, "install", "--quiet", "--require-hashes", "-r", str(lock))
    say("installing assay itself")
    _pip(python, "install", "--quiet", "--no-deps", "--editable", str(ROOT))
    if dev:
        _typing_links()
    with stamp.open("a", encoding="utf-8") as file:
        file.write(f"{lock.stem} {wanted}\n")


def _works(python: Path) -> bool:
    """Whether there is an environment with pip in it."""
    return (
        python.exists()
        and subprocess.run(
            [str(python), "-m", "pip", "--version"], capture_output=True, check=False
        ).returncode
        == 0
    )


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _stamped(stamp: Path, name: str) -> str | None:
    """The last digest written for a lock file."""
    if not stamp.exists():
        return None
    lines = [line.split() for line in stamp.read_text(encoding="utf-8").splitlines()]
    return next((one[1] for one in reversed(lines) if one[0] == name), None)


def _check_disk(place: Path) -> None:
    folder = next(one for one in (place, *place.parents) if one.exists())
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise Stop(
            f"{free / 1e9:.1f} GB are free at {folder} and about {NEEDED_BYTES / 1e9:.0f} GB are"
            " needed: make room, or choose another place with 'make demo VENV=/path'"
        )
    if not os.access(folder, os.W_OK):
        raise Stop(f"{folder} may not be written: copy the project to a folder of your own")


def _check_compiler() -> None:
    missing = []
    if not (
        shutil.which(os.environ.get("CXX", "c++")) and shutil.which(os.environ.get("CC", "cc"))
    ):
        missing.append("a C++ compiler (Debian: apt-get install build-essential)")
    if not shutil.which("cmake"):
        missing.append("cmake (Debian: apt-get install cmake)")
    if missing:
        raise Stop(
            f"llama.cpp is compiled here and this is missing: {'; '.join(missing)}."
            " Without a compiler run 'make demo GENERATOR=extractive' (extra 'embedded'),"
            " which quotes the evidence instead of writing"
        )


def _has(python: Path, package: str) -> bool:
    probe = [str(python), "-m", "pip", "show", "--quiet", package]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _compile(python: Path, lock: Path, text: str) -> None:
    """Build llama-cpp-python with portable flags, showing the compiler's own count."""
    start = text.index(f"\n{COMPILED}==") + 1
    entry = text[start:].split("\n    # via", 1)[0]
    one = lock.parent.parent / "build" / "llama.txt"
    one.parent.mkdir(exist_ok=True)
    one.write_text(entry + "\n", encoding="utf-8")
    machine = "x86_64" if os.uname().machine in ("x86_64", "AMD64") else "other"
    environment = {"CMAKE_ARGS": CMAKE_ARGS[machine]} | os.environ
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--no-deps"]
    command += ["--verbose", "--no-binary", COMPILED, "-r", str(one)]
    log: list[str] = []
    shown = -1
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            log.append(line)
            match = STEP.search(line)
            if match:
                done, total = int(match[1]), int(match[2])
                if total > 20 and 10 * done // total != shown:
                    shown = 10 * done // total
                    say(f"compiling llama.cpp: {done} of {total}")
    if process.returncode:
        file = one.with_suffix(".log")
        file.write_text("".join(log), encoding="utf-8")
        last = next((line.strip() for line in reversed(log) if "rror" in line), "no message")
        raise Stop(
            f"compiling llama.cpp failed ({last}); the whole log is in {file}."
            " 'make demo GENERATOR=extractive' does without it"
        )


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        last = lines[-1] if lines else done.stderr.strip()[-300:]
        raise Stop(f"pip could not install: {last}; mend it and run the same command again")


def _typing_links() -> None:
    """build/typing/assay/<folder>: links that let editors and checkers follow imports."""
    links = ROOT / "build" / "typing" / "assay"
    links.mkdir(parents=True, exist_ok=True)
    for name in (
        "pipeline", "models", "corpora", "stages", "guards", "evaluation", "training", "apps",
    ):  # fmt: skip
        link = links / name
        if not link.is_symlink():
            link.symlink_to(ROOT / name, target_is_directory=True)


if __name__ == "__main__":
    sys.exit(main())
