"""Training of the learned selector (``select.learned``)."""

from assay.stages.select.selection_model import SelectionModel, VectorsOf
from assay.training.selection.fit import fit
from assay.training.selection.recipe import Recipe

__all__ = ["Recipe", "SelectionModel", "VectorsOf", "fit"]
