"""Where it is written which questions a pipeline was chosen on, for the commands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assay.apps.examples import folder, locate
from assay.corpora.dataset import Dataset
from assay.evaluation.uses import SUFFIX, Purpose, Use, read_uses, record_use, use_of


def place_of(pipeline: str) -> Path:
    """The file of uses: beside the pipeline file, for a shipped pipeline below ``.assay``.

    Nothing is written into the installation.
    """
    path, base = locate(pipeline)
    if path.is_relative_to(folder()) and base != path.parent:
        return base / ".assay" / f"{path.parent.name}{SUFFIX}"
    return path.with_name(path.name + SUFFIX)


def known_uses(pipeline: str) -> tuple[Use, ...]:
    """Every use of questions that is noted for a pipeline, that which was shipped with it too.

    Raises:
        DataError: if a file of uses is damaged.
    """
    path, _ = locate(pipeline)
    places = dict.fromkeys((place_of(pipeline), path.with_name(path.name + SUFFIX)))
    return tuple(use for place in places for use in read_uses(place))


def note_use(
    pipeline: str, dataset: Dataset, names: list[str], *, purpose: Purpose, command: str, fold: str
) -> Use:
    """Note that questions of a set are used to choose, before they are.

    Args:
        pipeline: path or shipped name.
        dataset: the whole set.
        names: ids of the questions.
        purpose: what is chosen.
        command: what was called.
        fold: part of the set.

    Returns:
        The use, as noted.
    """
    today = datetime.now(UTC).date().isoformat()
    use = use_of(dataset, names, purpose=purpose, date=today, command=command, fold=fold)
    record_use(place_of(pipeline), use)
    return use
