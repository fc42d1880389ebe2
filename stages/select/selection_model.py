"""A trained selector as it lies in a folder: weights, calibration and what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.analyzer import Analyzer
from assay.models.calibrators.beta import Beta
from assay.models.passage_set import NetworkShape, PassageSetNetwork
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.files import write_atomically
from assay.pipeline.words import Passage, Query, Ranking
from assay.stages.rerank.unit_vectors import unit_rows
from assay.stages.select.learned_inputs import (
    PAIR_FEATURES,
    SetInputs,
    feature_names,
    learned_inputs,
)

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

SCHEMA = "assay-selector/1"
WEIGHTS, CARD = "weights.safetensors", "model_card.json"

Numbers = NDArray[np.float32]

VectorsOf = Callable[[Query, Sequence[Passage]], tuple[Numbers, Numbers]]
"""The vector of a question, ``(dimension,)``, and of passages, ``(n, dimension)``; any length."""


@dataclass(frozen=True)
class SelectionModel:
    """Probabilities that passages are needed, of all passages of a question together.

    Args:
        base: name of the ranking whose passages are judged.
        rankings: names of all rankings that it reads, in the order in which they count.
        depth: so many of the best passages are judged.
        network: an ensemble; the mean of its logits counts.
        calibration: makes them probabilities.
        facts: what else the card tells: data, seeds, folds, losses, versions.
    """

    base: str
    rankings: tuple[str, ...]
    depth: int
    network: PassageSetNetwork
    calibration: Beta
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.network.shape
        wanted = (len(feature_names(self.rankings)), len(PAIR_FEATURES))
        if (shape.features, shape.pairs) != wanted or self.base not in self.rankings:
            raise ValueError(
                f"weights for {shape.features} features and {shape.pairs} numbers about pairs, but"
                f" its rankings {', '.join(self.rankings)} make {wanted[0]} and {wanted[1]}"
            )
        object.__setattr__(self, "_analyzer", Analyzer())

    def inputs(
        self, rankings: Mapping[str, Ranking], query: Numbers, passages: Numbers
    ) -> SetInputs:
        """What the network is told about a question.

        Args:
            rankings: at least those of ``self.rankings``.
            query: its vector.
            passages: vectors of the first ``depth`` passages of the base ranking.

        Raises:
            UsageError: if a ranking is missing or vectors do not fit.
        """
        for name, dimension in (("question", query.shape[-1]), ("passages", passages.shape[-1])):
            if dimension != self.network.shape.dimension:
                raise UsageError(
                    f"the selector was trained with vectors of {self.network.shape.dimension}"
                    f" numbers, those of the {name} have {dimension}: use the embedder that it was"
                    " trained with, or train it anew"
                )
        analyzer: Analyzer = self._analyzer  # type: ignore[attr-defined]
        return learned_inputs(
            rankings,
            base=self.base,
            names=self.rankings,
            query=unit_rows(query[None])[0],
            passages=unit_rows(passages),
            analyzer=analyzer,
        )

    def judge(self, inputs: SetInputs) -> NDArray[np.float64]:
        """Probabilities of the passages of a question, shape ``(n,)``."""
        found = self.network.logits(inputs.features, inputs.pairs, inputs.query, inputs.passages)
        return self.calibration.of_logits(found.mean(axis=0, dtype=np.float64))

    def probabilities(
        self, rankings: Mapping[str, Ranking], vectors: VectorsOf
    ) -> dict[str, float]:
        """Passage id to the probability that it is needed, in the order of the base ranking.

        Args:
            rankings: by name; of one query all.
            vectors: gives those of the question and of the passages.

        Raises:
            UsageError: if a ranking is missing or vectors do not fit.
        """
        if self.base not in rankings:
            raise UsageError(f"there is no ranking '{self.base}' to select from")
        passages = [one.passage for one in rankings[self.base].hits[: self.depth]]
        if not passages:
            return {}
        own = self.inputs(rankings, *vectors(rankings[self.base].query, passages))
        return dict(zip(own.ids, self.judge(own).tolist(), strict=True))

    def digest(self) -> str:
        """sha256 in hex over all that decides what it gives."""
        weights = {
            name: digest([list(one.shape), one.tobytes().hex()])
            for name, one in self.network.weights.items()
        }
        return digest([self._settings(), weights])

    def save(self, folder: Path) -> None:
        """Write weights and card; the card last, so that a folder with a card is whole.

        Raises:
            UsageError: if safetensors is not installed.
            OSError: if the folder cannot be written.
        """
        arrays = {name: np.ascontiguousarray(one) for name, one in self.network.weights.items()}
        (folder / CARD).unlink(missing_ok=True)
        write_atomically(folder / WEIGHTS, _safetensors().save(arrays))
        card = {"schema": SCHEMA, "digest": self.digest(), **self._settings(), **self.facts}
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(folder / CARD, text.encode())

    @classmethod
    def load(cls, folder: Path) -> SelectionModel:
        """What ``save`` wrote.

        Raises:
            UsageError: if there is nothing, or safetensors is not installed.
            DataError: if it is no such model or was changed.
        """
        if not (folder / CARD).is_file():
            raise UsageError(
                f"there is no trained selector in '{folder}' (no {CARD}): make one with"
                f" 'assay train select PIPELINE --data DIR --out {folder}'"
            )
        library = _safetensors()
        again = "train it again with 'assay train select'"
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            if card.pop("schema") != SCHEMA:
                raise ValueError(f"its schema is not {SCHEMA!r}")
            expected = card.pop("digest")
            told = (card.pop("features"), card.pop("pair_features"))
            arrays = library.load((folder / WEIGHTS).read_bytes())
            model = cls(
                base=str(card.pop("base")),
                rankings=tuple(card.pop("rankings")),
                depth=int(card.pop("depth")),
                network=PassageSetNetwork(NetworkShape(**card.pop("shape")), arrays),
                calibration=Beta(**card.pop("calibration")),
                facts=card,
            )
            known = (list(feature_names(model.rankings)), list(PAIR_FEATURES))
            if told != known:
                raise ValueError("it was trained on other features than this version makes")
        except FileNotFoundError as error:
            raise DataError(f"'{folder}' lacks {WEIGHTS}: {again}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"'{folder}' holds no trained selector ({error}): {again}") from error
        except library.SafetensorError as error:
            raise DataError(f"'{folder / WEIGHTS}' is damaged ({error}): {again}") from error
        if model.digest() != expected:
            raise DataError(f"'{folder}' was changed after it was trained: {again}")
        return model

    def _settings(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "rankings": list(self.rankings),
            "features": list(feature_names(self.rankings)),
            "pair_features": list(PAIR_FEATURES),
            "depth": self.depth,
            "shape": asdict(self.network.shape),
            "calibration": asdict(self.calibration),
        }


def rankings_of(folder: Path) -> tuple[str, ...]:
    """Names of the rankings that a selector in a folder reads; none where none is trained yet.

    Raises:
        DataError: if its card is damaged.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return tuple(str(one) for one in card["rankings"])
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"'{folder / CARD}' is no card of a selector ({error}): train it again with 'assay"
            " train select'"
        ) from error


def _safetensors() -> Any:
    """The functions of safetensors that are needed, by way of a lazy import."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise UsageError(
            f"a trained selector needs {error.name}: install it with pip install 'assay[embedded]'"
        ) from error

    class Library:
        SafetensorError = safetensors.SafetensorError
        save = staticmethod(safetensors.numpy.save)
        load = staticmethod(safetensors.numpy.load)

    return Library
