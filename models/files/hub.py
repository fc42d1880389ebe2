"""Models of the hub by name and revision: weights that are data, checked and kept with a record.

The library ``huggingface_hub`` brings them and its settings hold: ``HF_ENDPOINT`` names
another hub, ``HF_TOKEN`` says who asks, ``HF_HUB_OFFLINE=1`` forbids the network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from assay.models.files.fetch import (
    BLOCK,
    POLL_SECONDS,
    Progress,
    PullProgress,
    bytes_below,
    sha256_of,
)
from assay.models.files.hub_files import choose
from assay.models.files.manifest import MANIFEST, HubRecord
from assay.pipeline.errors import ModelError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

HUB = "hf:"
"""How the name of a model on the hub begins."""

_NAME = re.compile(r"hf:([\w.-]+)/([\w.-]+)(?:@([\w./+-]+))?(?:#([^#]+))?")


@dataclass(frozen=True, slots=True)
class HubName:
    """``hf:OWNER/NAME@REVISION#FILE``; the last two may be left out.

    Args:
        repository: ``OWNER/NAME``.
        revision: a branch, a tag or a commit; only a commit means the same bytes for ever.
        file: the weights to take, where the repository holds several.
    """

    repository: str
    revision: str = "main"
    file: str | None = None

    PREFIX: ClassVar[str] = "hub--"

    @classmethod
    def parse(cls, text: str) -> HubName:
        """Read a name.

        Raises:
            UsageError: if it is none.

        >>> HubName.parse("hf:Qwen/Qwen3-0.6B").revision
        'main'
        >>> str(HubName.parse("hf:Qwen/Qwen3-0.6B@v1#a.gguf"))
        'hf:Qwen/Qwen3-0.6B@v1#a.gguf'
        """
        match = _NAME.fullmatch(text)
        parts = re.split(r"[/@#]", text.removeprefix(HUB))
        if match is None or any(part in ("", ".", "..") for part in parts):
            raise UsageError(
                f"'{text[:120]}' is no model of the hub: expected hf:OWNER/NAME, then"
                " @REVISION and #FILE where they are wanted"
            )
        owner, name, revision, file = match.groups()
        return cls(f"{owner}/{name}", revision or "main", file)

    def __str__(self) -> str:
        file = f"#{self.file}" if self.file else ""
        return f"{HUB}{self.repository}@{self.revision}{file}"

    @property
    def folder(self) -> str:
        """Its folder in the cache; the digest keeps names apart that look alike as folders."""
        short = hashlib.sha256(str(self).encode()).hexdigest()[:8]
        words = [*self.repository.split("/"), self.revision, *([self.file] if self.file else [])]
        readable = re.sub(r"[^\w.-]+", "-", "--".join(words))[:120]
        return f"{self.PREFIX}{readable}--{short}"


@dataclass(frozen=True, slots=True)
class _Remote:
    """What the hub says about a file; None where it does not."""

    size: int | None
    sha256: str | None
    blob: str | None


def fetch_model(name: HubName, target: Path, work: Path, progress: Progress) -> HubRecord:
    """Bring a model from the hub and check each file against what the hub says of it.

    Args:
        name: the model.
        target: an empty folder that it is written into.
        work: an empty folder for what is not kept.
        progress: told how far it is, also from another thread.

    Raises:
        ModelError: if the library is missing, the hub cannot be reached or refuses, or a file
            is not what the hub says.
        UsageError: if the named file is not there.
    """
    try:
        from huggingface_hub import HfApi, hf_hub_download
    except ImportError as error:
        raise ModelError(
            f"{name} needs {error.name}: install it with `pip install 'assay[embedded]'`"
        ) from error
    with _told(name):
        info = HfApi().model_info(name.repository, revision=name.revision, files_metadata=True)
    remotes = {
        one.rfilename: _Remote(one.size, one.lfs.sha256 if one.lfs else None, one.blob_id)
        for one in info.siblings or ()
    }
    taken = choose(remotes, name.file, str(name))
    total = sum(remotes[path].size or 0 for path in taken.files.values())
    digests: dict[str, str] = {}
    done = 0
    for number, (kept, path) in enumerate(taken.files.items()):
        before = PullProgress(str(name), number, len(taken.files), done, total)
        with _told(name), _quiet(), _watched(work, before, progress):
            arrived = hf_hub_download(name.repository, path, revision=info.sha, local_dir=work)
        digests[kept] = _checked(Path(arrived), remotes[path], path, name)
        (target / kept).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(arrived, target / kept)
        done += (target / kept).stat().st_size
        progress(PullProgress(str(name), number + 1, len(taken.files), done, max(total, done)))
    return HubRecord(
        key=str(name),
        source="hub",
        commit=info.sha,
        licence=_licence(info),
        weights=taken.weights,
        files=digests,
        size=done,
    )


def copy_model(name: HubName, target: Path, source: Path, progress: Progress) -> HubRecord:
    """As ``fetch_model``, from a folder with the repository's files, or the one file of weights.

    Raises:
        ModelError: if the files are not there.
    """
    if source.is_file():
        root, paths = source.parent, {source.name}
    elif source.is_dir():
        root = source
        paths = {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()}
    else:
        raise ModelError(f"{source} is no file and no folder: give the files of {name}")
    file = source.name if source.is_file() else name.file
    taken = choose(paths - {MANIFEST}, file, str(name))
    digests: dict[str, str] = {}
    done = 0
    total = sum((root / path).stat().st_size for path in taken.files.values())
    for number, (kept, path) in enumerate(taken.files.items(), 1):
        (target / kept).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("rb") as stream, (target / kept).open("wb") as out:
            shutil.copyfileobj(stream, out, BLOCK)
        digests[kept] = sha256_of(target / kept)
        done += (target / kept).stat().st_size
        progress(PullProgress(str(name), number, len(taken.files), done, total))
    return HubRecord(
        key=str(name),
        source=str(source),
        commit=None,
        licence=None,
        weights=taken.weights,
        files=digests,
        size=done,
    )


def _checked(path: Path, remote: _Remote, shown: str, name: HubName) -> str:
    """sha256 of a file that is what the hub says: by sha256, by git's digest, or by its size."""
    found = sha256_of(path)
    size = path.stat().st_size
    again = f"run `assay models pull {name}` again"
    if remote.size is not None and size != remote.size:
        raise ModelError(f"{shown} of {name} has {size} bytes, expected {remote.size}: {again}")
    if remote.sha256 is not None:
        expected, got, kind = remote.sha256, found, "sha256"
    elif remote.blob is not None:
        expected, got, kind = remote.blob, _git_digest(path, size), "git digest"
    else:
        return found
    if got != expected:
        raise ModelError(
            f"{shown} of {name} has wrong bytes: expected {kind} {expected}, got {got}; {again}"
        )
    return found


def _git_digest(path: Path, size: int) -> str:
    """What git calls a file's content by."""
    whole = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            whole.update(block)
    return whole.hexdigest()


def _licence(info: ModelInfo) -> str | None:
    """What the model's card says; a licence of the authors' own by the name they give it."""
    said = getattr(info.card_data, "license", None)
    if said == "other":
        said = getattr(info.card_data, "license_name", None) or said
    if isinstance(said, list):
        return ", ".join(map(str, said))
    return None if said is None else str(said)


@contextmanager
def _told(name: HubName) -> Iterator[None]:
    """Turn what the hub and the network say into one sentence with a way out."""
    from huggingface_hub import errors

    # the library changed its HTTP client twice; the root of the client's errors is the
    # class that its own error stands on
    transport: type[BaseException] = errors.HfHubHTTPError.__mro__[1]
    other = (
        f"fetch the files on another machine and run `assay models pull {name} --from PATH`, or"
        " take a model of the catalogue (`assay models list`), which comes from the package index"
    )
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise ModelError(
            f"{name} is not here and HF_HUB_OFFLINE forbids the network: unset it, or {other}"
        ) from error
    except errors.GatedRepoError as error:
        raise ModelError(
            f"the authors of {name} give it only to those who ask: accept its terms on the hub and"
            " set HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{name}: the hub has no such branch, tag or commit") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"{name}: the hub has no such model, or shows it only to some: check the name, or set"
            " HF_TOKEN"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise ModelError(f"{name}: the hub answered {status}: try later, or {other}") from error
    except (transport, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        cause = error.__cause__ or error
        said = (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")
        raise ModelError(
            f"{name}: the hub cannot be reached ({said}): check the network and HF_ENDPOINT, or"
            f" {other}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own progress bars."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


@contextmanager
def _watched(work: Path, before: PullProgress, progress: Progress) -> Iterator[None]:
    """Tell how far a file is while it comes in; a thread, since the download holds this one."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            arrived = bytes_below(work)
            done = min(before.bytes_done + arrived, before.bytes_total)
            progress(PullProgress(before.key, before.part, before.parts, done, before.bytes_total))

    thread = threading.Thread(target=watch, name="assay-pull", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
