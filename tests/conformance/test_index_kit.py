from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.index import CHECKS, check_index
from tests.conformance.index_toys import DEFECTS, toy


def test_an_index_without_defects_passes(tmp_path: Path) -> None:
    check_index(toy(), folder=tmp_path)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_noticed_by_its_check(defect: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="toy"):
        CHECKS[DEFECTS[defect]](toy(defect), tmp_path)


def test_every_check_notices_some_defect() -> None:
    assert set(DEFECTS.values()) | {"additions_may_come_in_parts"} == set(CHECKS)
