"""One pipeline from several files, the command line and the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner, Result
from pydantic import Field, SecretStr, field_validator, model_validator

from assay.apps.main import cli
from assay.apps.session import with_own_thresholds
from assay.guards.risk.certificate import Applied
from assay.pipeline import (
    Answer,
    Citation,
    Config,
    Node,
    Pipeline,
    Ranking,
    build,
    build_text,
    registry,
)
from assay.pipeline.builder import read_files
from assay.pipeline.component import Component
from assay.pipeline.draw import mermaid, svg
from assay.pipeline.errors import BuildError, NodeError, UsageError
from tests.pipeline.test_build import GOOD
from tests.pipeline.toys import ask

KEY = "hunter2-and-more"


class Options(Config):
    key: SecretStr | None = None
    env: str = ""


class VaultConfig(Config):
    key: SecretStr
    spare: SecretStr | None = None
    short: Annotated[SecretStr, Field(max_length=40)] | None = None
    headers: dict[str, SecretStr] = {}
    several: tuple[SecretStr, ...] = Field((), strict=False)
    labels: Mapping[str, str] = {}
    options: Options | None = None
    note: str = ""
    size: int | None = None

    @field_validator("key")
    @classmethod
    def _tells(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("bad"):
            raise ValueError(f"no good: {value.get_secret_value()}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _shows_everything(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("note") == "refuse":
            raise ValueError("refused as a whole")
        return data


class Vault(Node):
    """Answers only if it holds the key; fails with an error if it does not."""

    name = "toys.vault@1"
    Config = VaultConfig

    def run(self, ranking: Ranking) -> Answer:
        if self.config.key.get_secret_value() != KEY:
            raise ValueError(f"the key {self.config.key} does not fit")
        text = ranking.hits[0].passage.text
        cited = (Citation(0, len(text), (ranking.hits[0].passage.id,)),)
        return Answer(text, cited, (ranking.hits[0].passage,))


@pytest.fixture(autouse=True)
def vault(plugins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, type[Component]] = {**registry._plugins(), Vault.name: Vault}
    monkeypatch.setattr(registry, "_plugins", lambda: found)


ROOT = """assay: 1
name: toy
include: [parts/find.yaml, parts/say.yaml]
nodes:
  both:
    use: toys.join@1
    inputs:
      rankings: {left: left, right: right}
  done: {use: toys.polish@1, inputs: {answer: said}}
output: done
"""
FIND = """assay: 1
resources:
  shelf: {use: toys.shelf@1}
nodes:
  left: {use: toys.find@1, config: {letter: a}, resources: {shelf: shelf}, inputs: {query: query}}
  right: {use: toys.find, config: {letter: b}, resources: {shelf: shelf}, inputs: {query: query}}
"""
SAY = """assay: 1
nodes:
  said: {use: toys.say@1, inputs: {ranking: both}}
thresholds: {low: said.threshold}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "parts").mkdir(parents=True)
    (folder / "p.yaml").write_text(ROOT)
    (folder / "parts" / "find.yaml").write_text(FIND)
    (folder / "parts" / "say.yaml").write_text(SAY)
    monkeypatch.chdir(folder)
    return folder


def problems(path: str = "p.yaml", *overrides: str) -> list[str]:
    with pytest.raises(BuildError) as caught:
        build(path, overrides=overrides)
    return [str(problem) for problem in caught.value.problems]


# -- include ----------------------------------------------------------------


def test_a_pipeline_in_parts_is_the_same_as_in_one_file(files: Path) -> None:
    parts = build("p.yaml")
    assert parts.fingerprint() == build_text(GOOD, name="x", base=files).fingerprint()
    assert dict(parts.thresholds) == {"low": "said.threshold"}


def test_a_part_may_include_others_relative_to_itself(files: Path) -> None:
    (files / "p.yaml").write_text(ROOT.replace(", parts/say.yaml", ""))
    (files / "parts" / "find.yaml").write_text(f"{FIND}include: [deep/../../more/say.yaml]\n")
    (files / "more").mkdir()
    (files / "parts" / "say.yaml").rename(files / "more" / "say.yaml")
    source = read_files("p.yaml")
    assert not source.problems
    assert source.place(("nodes", "said")).file == "more/say.yaml"
    assert build("p.yaml").output == "done"


def test_mistakes_in_several_files_are_told_at_once_each_at_its_place(files: Path) -> None:
    (files / "p.yaml").write_text(ROOT.replace("answer: said", "answr: said"))
    (files / "parts" / "find.yaml").write_text(FIND.replace("letter: b", "leter: b"))
    (files / "parts" / "say.yaml").write_text(SAY + "nodes: {}\n")
    found = problems(str(files / "p.yaml"))
    for place, words in (
        ("p.yaml:9:", "no port 'answr'"),
        ("parts/find.yaml:6:36:", "unknown key 'leter'"),
        ("parts/say.yaml:5:1:", "stands twice"),
    ):
        assert any(one.startswith(f"{files / place}") and words in one for one in found), found


def test_a_name_given_twice_names_both_places(files: Path) -> None:
    (files / "parts" / "say.yaml").write_text(
        SAY.replace("thresholds", "  left: {use: toys.say@1}\nthresholds")
    )
    assert problems() == [
        "parts/say.yaml:4:3: 'left' is given twice; it stands in parts/find.yaml:5 too"
    ]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("../out.yaml", "leaves the folder of p.yaml"),
        ("parts/../../out.yaml", "leaves the folder of p.yaml"),
        ("..", "leaves the folder of p.yaml"),
        ("/etc/passwd", "is absolute"),
        ("C:\\out.yaml", "is absolute"),
        ("parts/link.yaml", "behind a link that leaves the folder"),
        ("linked/out.yaml", "behind a link that leaves the folder"),
        ("loop.yaml", "loop.yaml'"),
        ("gone.yaml", "no file 'gone.yaml'"),
        ("parts", "no file 'parts'"),
        ("pipe", "no file 'pipe'"),
        ("p.yaml", "files in a circle: p.yaml -> p.yaml"),
        ("parts/../parts/find.yaml", "parts/find.yaml is included twice"),
        ("parts/alias.yaml", "parts/find.yaml is included twice"),
        ("'a\\0b'", "no file"),
        ('"a\\0b"', "expected the path of a file"),
        ("x" * 300, "cannot read"),
        ("3", "expected the path of a file"),
        ("''", "expected the path of a file"),
    ],
)
def test_a_path_that_may_not_be_taken_is_one_error_where_it_is_written(
    files: Path, written: str, words: str
) -> None:
    (files.parent / "out.yaml").write_text(FIND)
    (files / "parts" / "link.yaml").symlink_to(files.parent / "out.yaml")
    (files / "parts" / "alias.yaml").symlink_to("find.yaml")
    (files / "linked").symlink_to(files.parent)
    (files / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(files / "pipe")
    (files / "p.yaml").write_text(ROOT.replace("parts/say.yaml", f"\n  {written}"))
    (found,) = problems()
    assert found.startswith("p.yaml:4:3: ")
    assert words in found


def test_a_circle_of_files_is_drawn(files: Path) -> None:
    (files / "parts" / "find.yaml").write_text(f"{FIND}include: [more.yaml]\n")
    (files / "parts" / "more.yaml").write_text("assay: 1\ninclude: [find.yaml]\n")
    (found,) = problems()
    assert found == (
        "parts/more.yaml:2:11: files in a circle:"
        " parts/find.yaml -> parts/more.yaml -> parts/find.yaml"
    )


def test_a_long_chain_of_files_ends_with_an_error(files: Path) -> None:
    for number in range(120):
        (files / f"{number}.yaml").write_text(f"assay: 1\ninclude: [{number + 1}.yaml]\n")
    (files / "p.yaml").write_text(ROOT.replace("parts/say.yaml", "0.yaml"))
    (found,) = problems()
    assert "more than 100 files" in found


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f"{SAY}output: said\n", "5:1", "'output' belongs into p.yaml"),
        (f"{SAY}treshold: x\n", "5:1", "did you mean 'thresholds'?"),
        (SAY.replace("assay: 1\n", ""), "1:1", "missing key 'assay'"),
        (SAY.replace("assay: 1", "assay: 2"), "1:1", "format 2 is unknown"),
        (SAY.replace("assay: 1", "assay: true"), "1:1", "format True is unknown"),
        (f"{SAY}resources: [a]\n", "5:1", "'resources' must be a mapping"),
        (f"{SAY}include: x.yaml\n", "5:1", "'include' must be a list"),
        ("", "1:1", "expected a mapping"),
        ("- a", "1:1", "expected a mapping"),
        ("a: *b", "1:4", "anchors and aliases"),
        (f"# {'x' * 1_000_000}", "1:1", "larger than 1000000 bytes"),
    ],
)
def test_a_part_is_a_closed_world(files: Path, text: str, place: str, words: str) -> None:
    (files / "parts" / "say.yaml").write_text(text)
    (found,) = problems()
    assert found.startswith(f"parts/say.yaml:{place}: ")
    assert words in found


def test_a_part_that_is_no_text_is_told_at_its_byte(files: Path) -> None:
    (files / "parts" / "say.yaml").write_bytes(b"assay: 1\n# \xff")
    assert problems() == ["parts/say.yaml:2:3: not UTF-8 text: invalid start byte"]


# -- --set ------------------------------------------------------------------


def value(pipeline: Pipeline, node: str, field: str) -> object:
    return getattr(pipeline.steps[node].node.config, field)


@pytest.mark.parametrize("target", ["said.threshold", "nodes.said.threshold", " said.threshold "])
def test_a_field_is_set_whatever_the_file_says(files: Path, target: str) -> None:
    built = build("p.yaml", overrides=(f"{target}=0.25", "left.letter=z"))
    assert (value(built, "said", "threshold"), value(built, "left", "letter")) == (0.25, "z")
    assert value(built, "right", "letter") == "b"


def test_what_is_set_counts_like_what_is_written(files: Path) -> None:
    written = build_text(GOOD.replace("letter: b", "letter: q"), name="x", base=files)
    changed = build_text(GOOD, name="x", base=files, overrides=["right.letter=q"])
    assert changed.fingerprint() == written.fingerprint()
    assert changed.fingerprint() != build_text(GOOD, name="x", base=files).fingerprint()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("left.leter=z", "--set left.leter: unknown key 'leter' of toys.find@1; did you mean 'letter'?"),
        ("lft.letter=z", "--set lft.letter: no node or resource 'lft'; did you mean 'left'?"),
        ("nodes.shelf.x=1", "--set nodes.shelf.x: no node or resource 'shelf'"),
        ("left.letter=3", "--set left.letter: 'letter' of toys.find@1: Input should be a valid string; found 3"),
        ("left.letter=abc", "--set left.letter: 'letter' of toys.find@1: String should have at most 1 character"),
        ("left.letter=[1", "--set left.letter: not YAML"),
        ("left.letter=a: b", "--set left.letter: expected a scalar"),
        ("left.letter=", "--set left.letter: no value"),
        ("left.letter=&a b", "--set left.letter: anchors and aliases"),
        ("left.letter", "--set: expected NAME.FIELD=VALUE"),
        ("letter=a", "--set letter: expected NAME.FIELD=VALUE"),
        (".=1", "--set .: expected NAME.FIELD=VALUE"),
        ("left.letter.x=a", "--set left.letter.x: only a whole field can be set: write left.letter={...}"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_says_that_it_came_from_the_command_line(
    files: Path, override: str, words: str
) -> None:
    (found,) = problems("p.yaml", override)
    assert found.startswith(words)


def test_the_same_field_set_twice_is_an_error(files: Path) -> None:
    assert problems("p.yaml", "left.letter=y", "nodes.left.letter=z") == [
        "--set nodes.left.letter: set twice; say it once"
    ]


def test_a_name_of_a_node_and_a_resource_must_say_which(files: Path) -> None:
    text = GOOD.replace("right", "shelf").replace(
        "{left: left, shelf: shelf}", "{left: left, right: shelf}"
    )
    both = {"name": "x", "base": files}
    with pytest.raises(BuildError, match=r"write nodes\.shelf\.letter or resources\.shelf\.letter"):
        build_text(text, **both, overrides=["shelf.letter=z"])  # type: ignore[arg-type]
    built = build_text(text, **both, overrides=["nodes.shelf.letter=z"])  # type: ignore[arg-type]
    assert value(built, "shelf", "letter") == "z"


def test_problems_of_the_command_line_and_of_files_are_told_together(files: Path) -> None:
    (files / "parts" / "find.yaml").write_text(FIND.replace("letter: b", "leter: b"))
    found = problems("p.yaml", "lft.letter=z")
    assert [one.split(":")[0] for one in found] == ["--set lft.letter", "parts/find.yaml"]


# -- {env: NAME} ------------------------------------------------------------

SECRET = GOOD.replace(
    "said: {use: toys.say@1,", "said: {use: toys.vault@1, config: {key: {env: VAULT}},"
).replace("thresholds: {low: said.threshold}\n", "")


def secret(
    config: str, environment: Mapping[str, str] | None = None, base: Path = Path()
) -> Pipeline:
    text = SECRET.replace("{key: {env: VAULT}}", config)
    assert config in text
    given = {"VAULT": KEY} if environment is None else environment
    return build_text(text, name="p.yaml", base=base, environment=given)


def refused(config: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(BuildError) as caught:
        secret(config, environment)
    assert KEY not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_a_secret_comes_from_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT", KEY)
    with build_text(SECRET, name="p.yaml", base=Path()) as pipeline:
        assert pipeline.run(ask()).to_json()["outcome"] == "answered"


def test_secrets_are_found_wherever_a_type_says_so() -> None:
    built = secret(
        "{key: {env: VAULT}, spare: null, short: {env: B}, headers: {env: {env: C}},"
        " several: [{env: B}, {env: C}], options: {key: {env: C}, env: plain}, labels: {env: X}}",
        {"VAULT": KEY, "B": "b", "C": "c"},
    )
    config: Any = built.steps["said"].node.config
    assert (config.key.get_secret_value(), config.spare) == (KEY, None)
    assert config.short.get_secret_value() == "b"
    assert config.headers["env"].get_secret_value() == "c"
    assert [one.get_secret_value() for one in config.several] == ["b", "c"]
    assert (config.options.key.get_secret_value(), config.options.env) == ("c", "plain")
    assert config.labels == {"env": "X"}  # a mapping stays a mapping


LITERAL = "secrets come from the environment: write {env: NAME}"


@pytest.mark.parametrize(
    ("config", "needle", "words"),
    [
        (f"{{key: {KEY}}}", "key:", LITERAL),
        ("{key: null}", "key:", LITERAL),
        ("{key: {env: 3}}", "key:", LITERAL),
        ("{key: {env: VAULT, more: 1}}", "key:", LITERAL),
        (f"{{key: {{env: VAULT}}, spare: {KEY}}}", "spare:", LITERAL),
        (f"{{key: {{env: VAULT}}, headers: {{a: {KEY}}}}}", "a: hunter2", LITERAL),
        (f"{{key: {{env: VAULT}}, several: [{KEY}]}}", "hunter2", LITERAL),
        (f"{{key: {{env: VAULT}}, options: {{key: {KEY}}}}}", "key: hunter2", LITERAL),
        ("{key: {env: VALT}}", "key:", "the environment variable VALT is not set"),
        ("{key: {env: EMPTY}}", "key:", "the environment variable EMPTY is empty"),
        ("{key: {env: hunter2!}}", "key:", "no name of a variable"),
        ("{key: {env: VAULT}, note: {env: VAULT}}", "note:", "'note' is no secret, and only secrets (SecretStr) come from the environment; write the value, which is str"),
        ("{key: {env: VAULT}, size: {env: VAULT}}", "size:", "which is int | nothing"),
        ("{key: {env: VAULT}, kye: {env: VAULT}}", "kye:", "unknown key 'kye'"),
        ("{key: {env: VAULT}, options: {env: {env: VAULT}}}", "env: {env: VAULT}}}", "'env' is no secret"),
    ],
)  # fmt: skip
def test_a_mistake_about_secrets_is_one_error_at_its_place(
    config: str, needle: str, words: str
) -> None:
    (found,) = refused(config, {"VAULT": "right", "EMPTY": ""})
    text = SECRET.replace("{key: {env: VAULT}}", config)
    before = text[: text.index(config) + config.index(needle)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert found.startswith(f"p.yaml:{line}:{column}: toys.vault@1: ") or "unknown key" in found
    assert words in found
    assert "hunter2" not in found


def test_an_error_of_the_component_never_repeats_a_secret() -> None:
    told = refused("{key: {env: VAULT}}", {"VAULT": f"bad{KEY}"})
    assert "refused with a message that holds a secret" in told[0]
    assert (
        "refused as a whole" in refused(f"{{key: {{env: VAULT}}, note: refuse, spare: {KEY}}}")[0]
    )
    assert (
        "at most 40 items"
        in refused("{key: {env: VAULT}, short: {env: L}}", {"VAULT": KEY, "L": KEY * 3})[0]
    )


def test_a_secret_is_in_no_fingerprint_record_or_picture(tmp_path: Path) -> None:
    one = secret("{key: {env: VAULT}}", {"VAULT": KEY}, tmp_path)
    other = secret("{key: {env: VAULT}}", {"VAULT": "wrong-key"}, tmp_path)
    with one, other:
        assert one.fingerprint() == other.fingerprint()
        record = json.dumps(one.run(ask()).to_json())
        with pytest.raises(NodeError) as caught:
            other.run(ask())
        failed = json.dumps(other.failed(ask(), caught.value).to_json())
    for text in (record, json.dumps(one.parts()), mermaid(one), svg(one), repr(one)):
        assert KEY not in text
    assert "wrong-key" not in failed + str(caught.value)


# -- thresholds that a certificate sets -----------------------------------


def test_set_does_not_go_behind_the_back_of_a_certificate(files: Path) -> None:
    overrides = ("nodes.said.threshold=0.25",)
    built = build("p.yaml", overrides=overrides)
    certified = built.with_thresholds({"low": 0.75}, certificate_id="abc")
    with pytest.raises(UsageError, match=r"is looser than 0.75, which the certificate abc sets"):
        with_own_thresholds(Applied(certified, "VALID"), built, overrides)
    assert with_own_thresholds(Applied(certified, "VALID"), built, ("left.letter=z",)) is certified
    lapsed = built.with_thresholds({"low": 0.75})
    kept = with_own_thresholds(Applied(lapsed, "VOID"), built, overrides)
    assert value(kept, "said", "threshold") == 0.25


# -- the command line -------------------------------------------------------


@pytest.fixture
def call(files: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("VAULT", KEY)
    said = "said: {use: toys.vault@1, config: {key: {env: VAULT}}, inputs"
    (files / "parts" / "say.yaml").write_text(f"assay: 1\nnodes:\n  {said}: {{ranking: both}}}}\n")
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def test_explain_shows_the_origin_of_each_value_and_no_secret(call: Callable[..., Result]) -> None:
    shown = call("explain", "p.yaml", "--set", "left.letter=z", "--set", "said.note=hi").output
    for line in (
        "  shelf: toys.shelf@1  # parts/find.yaml:3",
        "    letter: z  # --set",
        "    letter: b  # parts/find.yaml:6",
        "    wait: 0.0  # default",
        "    key: '**********'  # parts/say.yaml:3",
        "    note: hi  # --set",
        "    spare: null  # default",
        "output: done  # p.yaml:10",
    ):
        assert line in shown.splitlines(), shown
    assert KEY not in shown


def test_commands_that_load_a_pipeline_take_set(call: Callable[..., Result]) -> None:
    (Path() / "q.jsonl").write_text('{"id": "q1", "text": "what"}\n')
    wrong = ("--set", "lft.letter=z")
    for arguments in (
        ("ask", "p.yaml", "what"),
        ("run", "p.yaml", "--queries", "q.jsonl", "--out", "o.jsonl"),
        ("check", "p.yaml"),
        ("explain", "p.yaml"),
        ("graph", "p.yaml"),
        ("index", "p.yaml", "--docs", "parts/find.yaml"),
        ("calibrate", "diff", "p.yaml"),
    ):
        found = call(*arguments, *wrong)
        assert found.exit_code == 1
        assert "did you mean 'left'?" in (found.output + str(found.exception)), arguments
    for command in (("evaluate",), ("calibrate", "plan"), ("calibrate", "run")):
        assert "--set NAME.FIELD=VALUE" in call(*command, "--help").output
    assert call("check", "p.yaml", "--set", "left.letter=z").exit_code == 0
    told = call("check", "p.yaml", "--json", *wrong)
    (problem,) = json.loads(told.stdout)
    assert (problem["file"], problem["line"]) == ("--set lft.letter", 0)


def test_ask_answers_with_what_was_set(call: Callable[..., Result]) -> None:
    record = json.loads(call("ask", "p.yaml", "what", "--json", "--set", "left.letter=z").stdout)
    assert [one["id"] for one in record["stages"]["both"]["passages"]] == ["z", "b"]
    assert KEY not in json.dumps(record)


def test_the_example_of_the_documents_is_right(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "pipeline-files.md"
    root, part = (one.split("```")[0] for one in page.read_text().split("```yaml\n")[1:3])
    (tmp_path / "parts").mkdir()
    (tmp_path / "p.yaml").write_text(root)
    (tmp_path / "parts" / "retrieval.yaml").write_text(part)
    built = build(tmp_path / "p.yaml", overrides=["chosen.k=3", "fused.weights={sparse: 2.0}"])
    assert (value(built, "chosen", "k"), value(built, "fused", "weights")) == (3, {"sparse": 2.0})
