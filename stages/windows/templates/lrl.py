"""LRL: a list that the model completes, as in a program."""

from __future__ import annotations

from assay.models.prompt import Prompt
from assay.stages.windows.identifiers import identifier
from assay.stages.windows.template import Reading, Template


def write(reading: Reading) -> Prompt:
    """Passages as variables, the sorted list begun."""
    pieces: list[str] = []
    for place, text in enumerate(reading.texts):
        remark = reading.remark(place, " (", ")")
        pieces += [f'{identifier(place, "passage")} = "', text.replace('"', "'"), f'"{remark}\n']
    names = ", ".join(identifier(place, "passage") for place in range(reading.size))
    return (
        *pieces,
        'QUERY = "',
        reading.query.replace('"', "'"),
        f'"\nPASSAGES = [{names}]\n'
        "# The passages, sorted by their relevance to the query, the most relevant first.\n"
        "SORTED_PASSAGES = [",
    )


def ideal(order: tuple[int, ...]) -> str:
    """The rest of the list."""
    return ", ".join(identifier(place, "passage") for place in order) + "]"


TEMPLATE = Template(write, "passage", "Ma et al. 2023 (LRL)", stop=("]", "\n"), ideal=ideal)
