"""Models of the hub, from a hub that this test serves over HTTP."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models.files.fetch import PullProgress
from assay.models.files.hub import HubName
from assay.models.files.hub_files import choose
from assay.models.files.store import ModelStore, checked_name
from assay.pipeline.errors import ModelError, UsageError
from tests.models.hub_server import COMMIT, Hub, serving

constants = pytest.importorskip("huggingface_hub.constants")

WEIGHTS = b"numbers " * 1000
FILES = {
    "model.safetensors": WEIGHTS,
    "config.json": b"{}",
    "tokenizer.json": b'{"tokens": 1}',
    "merges.txt": b"a b",
    "chat_template.jinja": b"{{ messages }}",
    "tokenizer.model": b"pieces",
    "1_Pooling/config.json": b'{"mean": true}',
    "LICENSE": b"do as you like",
    "README.md": b"a card",
    "pytorch_model.bin": b"pickled",
    "modeling.py": b"raise SystemExit",
    "training.pt": b"pickled",
    "onnx/model.onnx": b"graph",
}
TAKEN = {
    *("model.safetensors", "config.json", "tokenizer.json", "merges.txt", "chat_template.jinja"),
    *("tokenizer.model", "1_Pooling/config.json", "LICENSE"),
}
KEY = "hf:maker/model@v1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(dict(FILES))) as served:
        # what HF_ENDPOINT sets where it is there before the library is imported
        addresses = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + addresses)
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield served


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "cache")


def files_below(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


def test_weights_that_are_data_and_texts_are_taken_and_never_pickles_or_code(
    hub: Hub, store: ModelStore
) -> None:
    seen: list[PullProgress] = []
    place = store.pull(KEY, progress=seen.append)
    assert files_below(place) == {*TAKEN, "manifest.json"}
    assert (place / "model.safetensors").read_bytes() == WEIGHTS
    assert not any(path.endswith((".bin", ".py", ".pt")) for path in hub.asked)
    assert seen[-1].bytes_done == seen[-1].bytes_total == sum(len(FILES[one]) for one in TAKEN)
    assert files_below(store.folder) == {f"{place.name}/{one}" for one in files_below(place)}


@pytest.mark.usefixtures("hub")
def test_the_manifest_says_commit_licence_and_the_digest_of_each_file(store: ModelStore) -> None:
    manifest = json.loads((store.pull(KEY) / "manifest.json").read_text())
    assert (manifest["key"], manifest["commit"], manifest["from"]) == (KEY, COMMIT, "hub")
    assert manifest["licence"] == "apache-2.0"
    digests = {name: stamp["sha256"] for name, stamp in manifest["files"].items()}
    assert digests == {one: hashlib.sha256(FILES[one]).hexdigest() for one in TAKEN}


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ({}, None),
        ({"license": "other", "license_name": "maker-terms"}, "maker-terms"),
        ({"license": ["mit", "apache-2.0"]}, "mit, apache-2.0"),
    ],
)
def test_the_licence_is_what_the_card_says_if_it_says_one(
    hub: Hub, store: ModelStore, card: dict[str, object], licence: str | None
) -> None:
    hub.card = card
    store.pull(KEY)
    assert [one.licence for one in store.from_hub()] == [licence]


def test_a_model_that_is_here_is_left_as_it_is_and_found_without_a_network(
    hub: Hub, store: ModelStore
) -> None:
    place = store.pull(KEY)
    asked = len(hub.asked)
    assert store.pull(KEY) == place and store.resolve(KEY) == place
    assert len(hub.asked) == asked
    found = store.locate(KEY)
    assert found.entry is None
    assert found.sha256(place / "model.safetensors") == hashlib.sha256(WEIGHTS).hexdigest()


def test_a_named_file_lies_at_the_top_beside_its_tokenizer_and_is_what_is_located(
    hub: Hub, store: ModelStore
) -> None:
    hub.files["onnx/model.onnx_data"] = b"tensors"
    hub.files["onnx/other.onnx"] = b"another"
    key = f"{KEY}#onnx/model.onnx"
    place = store.pull(key)
    wanted = {*TAKEN - {"model.safetensors"}, "model.onnx", "model.onnx_data", "manifest.json"}
    assert files_below(place) == wanted
    assert store.locate(key).file(".onnx") == place / "model.onnx"
    assert store.locate(key).path.read_bytes() == b"graph"


def test_the_only_gguf_is_taken_and_of_several_one_has_to_be_named(
    hub: Hub, store: ModelStore
) -> None:
    hub.files = {"a-Q4.gguf": b"four"}
    assert store.locate(_pulled(store, "hf:maker/model")).path.name == "a-Q4.gguf"
    hub.files["a-Q8.gguf"] = b"eight"
    with pytest.raises(ModelError, match=r"--file.*a-Q4\.gguf, a-Q8\.gguf"):
        store.pull(KEY)
    assert store.locate(_pulled(store, f"{KEY}#a-Q8.gguf")).path.read_bytes() == b"eight"


def _pulled(store: ModelStore, key: str) -> str:
    store.pull(key)
    return key


def test_shards_come_together_and_a_second_copy_of_the_weights_does_not() -> None:
    shards = [f"q/m-0000{n}-of-00002.gguf" for n in (1, 2)]
    taken = choose([*shards, "q/n-00001-of-00002.gguf"], shards[0], KEY)
    assert taken.files == {one.removeprefix("q/"): one for one in shards}
    assert taken.weights == "m-00001-of-00002.gguf"
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    extra = ["consolidated.safetensors", "original/model.safetensors", "config.json"]
    assert choose([*parts, *extra], None, KEY).files.keys() == {*parts, "config.json"}
    assert choose(["consolidated.safetensors"], None, KEY).weights is None


def test_pickled_weights_are_refused_with_the_reason(hub: Hub, store: ModelStore) -> None:
    with pytest.raises(
        UsageError, match=r"pickled ones can run code; there are .*onnx/model\.onnx"
    ):
        store.pull(f"{KEY}#pytorch_model.bin")
    with pytest.raises(UsageError, match="no such file; its weights are"):
        store.pull(f"{KEY}#gone.gguf")
    hub.files = {"pytorch_model.bin": b"pickled", "config.json": b"{}"}
    with pytest.raises(ModelError, match="pickled weights are never taken"):
        store.pull(KEY)
    assert files_below(store.folder) == set()


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("sent", [b"", b"short", None])
def test_a_file_that_is_cut_or_other_than_the_hub_says_is_not_kept(
    hub: Hub, store: ModelStore, path: str, sent: bytes | None
) -> None:
    hub.wrong[path] = sent if sent is not None else bytes(len(FILES[path]))
    with pytest.raises(ModelError, match=rf"{path} of hf:maker/model@v1 has|cannot be reached"):
        store.pull(KEY)
    assert files_below(store.folder) == set()


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, "GatedRepo", "accept its terms on the hub and set HF_TOKEN"),
        (401, "RepoNotFound", "no such model"),
        (404, "RevisionNotFound", "no such branch, tag or commit"),
        (500, "", "the hub answered 500: try later, or fetch the files on another machine"),
        (429, "", "the hub answered 429"),
    ],
)
def test_what_the_hub_refuses_becomes_one_sentence(
    hub: Hub, store: ModelStore, status: int, reason: str, words: str
) -> None:
    hub.status, hub.reason = status, reason
    with pytest.raises(ModelError, match=words):
        store.pull(KEY)


def test_without_a_network_the_error_names_every_other_way(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(ModelError) as error:
        store.pull(KEY)
    for words in (
        *("cannot be reached", "HF_ENDPOINT", f"assay models pull {KEY} --from PATH"),
        *("another machine", "a model of the catalogue"),
    ):
        assert words in str(error.value)


def test_offline_mode_is_obeyed_and_named(
    hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids the network: unset it"):
        store.pull(KEY)
    assert hub.asked == []


def test_without_the_library_the_error_names_the_extra(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match=r"huggingface_hub: install it with .*assay\[embedded\]"):
        store.pull(KEY)


def test_files_from_another_machine_are_taken_by_the_same_rules(
    store: ModelStore, tmp_path: Path
) -> None:
    for path, content in FILES.items():
        (tmp_path / "copy" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / path).write_bytes(content)
    place = store.pull(KEY, source=tmp_path / "copy")
    assert files_below(place) == {*TAKEN, "manifest.json"}
    assert [one.commit for one in store.from_hub()] == [None]
    one = store.pull("hf:maker/other", source=tmp_path / "copy" / "onnx" / "model.onnx")
    assert files_below(one) == {"model.onnx", "manifest.json"}
    with pytest.raises(ModelError, match="is no file and no folder"):
        store.pull("hf:maker/third", source=tmp_path / "gone")


@pytest.mark.usefixtures("hub")
def test_verify_names_a_damaged_file_and_remove_takes_the_model_away(store: ModelStore) -> None:
    with pytest.raises(ModelError, match=f"run `assay models pull {KEY}`"):
        store.verify(KEY)
    place = store.pull(KEY)
    store.verify(KEY)
    os.utime(place / "config.json", ns=(1, 1))
    assert store.resolve(KEY) == place
    (place / "model.safetensors").write_bytes(WEIGHTS[:-1])
    with pytest.raises(ModelError, match=rf"wrong bytes.*assay models rm {KEY} && assay models"):
        store.resolve(KEY)
    assert store.pull(KEY) == place
    store.verify(KEY)
    (place / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        store.verify(KEY)
    assert store.remove(KEY) is True
    assert store.remove(KEY) is False
    assert store.from_hub() == ()


@pytest.mark.usefixtures("hub")
def test_a_missing_model_names_the_command_that_brings_it(store: ModelStore) -> None:
    with pytest.raises(ModelError, match=rf"{KEY} is not in .*run `assay models pull {KEY}`"):
        store.locate(KEY)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_stopping_and_a_full_disk_leave_nothing_behind(
    store: ModelStore, error: BaseException
) -> None:
    def stop(state: PullProgress) -> None:
        if state.part == 3:
            raise error

    expected = ModelError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        store.pull(KEY, progress=stop)
    assert files_below(store.folder) == set()


@pytest.mark.usefixtures("hub")
def test_several_pulls_at_once_all_end_with_a_whole_model(store: ModelStore) -> None:
    with ThreadPoolExecutor(3) as pool:
        places = set(pool.map(lambda _: store.pull(KEY), range(3)))
    assert len(places) == 1
    store.verify(KEY)
    assert {one.name for one in store.folder.iterdir()} == {places.pop().name}


@pytest.mark.parametrize(
    "name",
    [
        *("hf:", "hf:model", "hf:a/b/c", "hf:../b", "hf:a/b@", "hf:a/b@x/../y", "hf:a/b#/etc/x"),
        *("hf:a/b#x/../../y", "hf:a b/c", "hf:a/b#x#y"),
    ],
)
def test_what_is_no_name_of_the_hub_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="hf:OWNER/NAME"):
        HubName.parse(name)
    with pytest.raises(ValueError, match="hf:OWNER/NAME"):
        checked_name(name, None)


def test_a_config_may_name_a_model_of_the_hub(tmp_path: Path) -> None:
    assert checked_name("hf:maker/model", {"base": tmp_path}) == "hf:maker/model@main"
    assert checked_name("hf:maker/model@v1#a.gguf", None) == "hf:maker/model@v1#a.gguf"


_WORDS = st.from_regex(r"\A[a-z][\w-]{0,8}\Z")


@given(st.lists(st.tuples(_WORDS, _WORDS, _WORDS, st.none() | _WORDS), max_size=8, unique=True))
def test_names_read_back_and_never_share_a_folder(
    parts: list[tuple[str, str, str, str | None]],
) -> None:
    names = [HubName(f"{a}/{b}", c, d) for a, b, c, d in parts]
    assert [HubName.parse(str(one)) for one in names] == names
    assert len({one.folder.lower() for one in names}) == len(names)
    assert all(Path(one.folder).name == one.folder for one in names)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a process that knows nothing of this one's hub and models."""
    kept = {name: one for name, one in os.environ.items() if not name.startswith(("HF_", "TRANSF"))}
    return {**kept, "ASSAY_MODELS": str(folder), **more}


def command(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    code = "import sys; from assay.apps.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "models", *arguments],
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_bring_one_whole_model(tmp_path: Path) -> None:
    with serving(Hub(dict(FILES))) as served:
        both = [command(tmp_path, "pull", KEY, HF_ENDPOINT=served.url) for _ in range(2)]
        said = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    ModelStore(tmp_path).verify(KEY)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupt_in_the_middle_of_a_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(Hub(dict(FILES), held="model.safetensors")) as served:
        pull = command(tmp_path, "pull", KEY, HF_ENDPOINT=served.url)
        try:
            assert served.holding.wait(30)
            pull.send_signal(signal.SIGINT)
            _, errors = pull.communicate(timeout=30)
        finally:
            served.let_go.set()
            pull.kill()
            pull.wait()
    assert pull.returncode != 0
    assert "Traceback" not in errors
    assert files_below(tmp_path) == set() and list(tmp_path.iterdir()) == []


def test_the_command_brings_a_model_lists_it_and_takes_it_away(tmp_path: Path) -> None:
    def call(*arguments: str, **more: str) -> tuple[int, str, str]:
        process = command(tmp_path, *arguments, **more)
        said = process.communicate(timeout=60)
        return process.returncode, *said

    with serving(Hub({"a.gguf": b"four", "b.gguf": b"eight"})) as served:
        status, shown, errors = call(
            "pull", "hf:maker/model", "--file", "b.gguf", HF_ENDPOINT=served.url
        )
    assert status == 0, errors
    key = "hf:maker/model@main#b.gguf"
    assert key in shown
    status, _, errors = call("pull", "hf:maker/other", HF_HUB_OFFLINE="1")
    assert status == 1 and "HF_HUB_OFFLINE" in errors and "Traceback" not in errors
    (mine,) = (one for one in json.loads(call("list", "--json")[1]) if one["key"] == key)
    assert (mine["here"], mine["licence"], mine["commit"]) == (True, "apache-2.0", COMMIT)
