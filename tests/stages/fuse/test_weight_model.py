from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from assay.pipeline.errors import DataError, UsageError
from assay.stages.fuse.evidence import Signals
from assay.stages.fuse.weight_model import SCHEMA, WeightModel, read

SURE, UNSURE = Signals(reliability=math.log(0.8)), Signals(reliability=math.log(0.2), drop=0.5)


def test_without_a_fit_weights_are_reliabilities_times_the_prior() -> None:
    both = {"a": SURE, "b": UNSURE}
    assert WeightModel().weights(both) == pytest.approx({"a": 0.8, "b": 0.2})
    assert WeightModel().weights(both, {"a": 1.0, "b": 4.0}) == pytest.approx({"a": 0.5, "b": 0.5})


def test_fitted_coefficients_are_summed_in_the_exponent() -> None:
    model = WeightModel({"drop": 2.0})
    found = model.weights({"a": SURE, "b": UNSURE})
    assert found == pytest.approx({"a": 1 / (1 + math.e), "b": math.e / (1 + math.e)})


def test_no_weight_is_lost_to_the_limits_of_numbers() -> None:
    lost = Signals(reliability=-5000.0)
    assert WeightModel().weights({"a": lost, "b": lost}) == {"a": 0.5, "b": 0.5}
    tiny = WeightModel().weights({"a": SURE, "b": SURE}, {"a": 5e-324, "b": 5e-324})
    assert tiny == pytest.approx({"a": 0.5, "b": 0.5})


def test_a_written_model_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    model = WeightModel({"reliability": 0.5, "names": 1.25}, {"examples": 3})
    path.write_text(model.to_json(), encoding="utf-8")
    assert read(path) == model
    assert read(path).digest() == model.digest() != WeightModel().digest()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "expected the schema"),
        (json.dumps({"schema": "other/1", "coefficients": {}}), "expected the schema"),
        (json.dumps({"schema": SCHEMA}), "expected 'coefficients'"),
        (json.dumps({"schema": SCHEMA, "coefficients": {}}), "expected 'coefficients'"),
        (json.dumps({"schema": SCHEMA, "coefficients": {"dorp": 1}}), "unknown signal 'dorp'"),
        (json.dumps({"schema": SCHEMA, "coefficients": {"drop": "1"}}), "must be a number"),
        (json.dumps({"schema": SCHEMA, "coefficients": {"drop": True}}), "must be a number"),
        (f'{{"schema": "{SCHEMA}", "coefficients": {{"drop": NaN}}}}', "must be a number"),
        (f'{{"schema": "{SCHEMA}", "coefficients": {{"drop": 1e400}}}}', "must be a number"),
    ],
)
def test_a_damaged_model_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "weights.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read(path)


def test_a_missing_model_names_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fusion_weights\.fit"):
        read(tmp_path / "none.json")
