"""A pipeline as a picture: Mermaid text or SVG, drawn locally."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from assay.pipeline.file import INPUT
from assay.pipeline.graph import Pipeline

BOX_WIDTH, BOX_HEIGHT = 190, 44
GAP_X, GAP_Y, MARGIN = 26, 42, 20
DASHES = ' stroke-dasharray="4 3"'


def edges(pipeline: Pipeline) -> Iterator[tuple[str, str, str]]:
    """(feeding node, fed node, port or join key) in the order of the plan."""
    for name, step in pipeline.steps.items():
        for port, feed in step.inputs.items():
            if isinstance(feed, Mapping):
                for key, feeder in feed.items():
                    yield feeder, name, key
            else:
                yield feed, name, port


def looks(pipeline: Pipeline) -> Iterator[tuple[str, str, str]]:
    """(node, node that depends on it otherwise, why): conditions and fallbacks."""
    for name, step in pipeline.steps.items():
        if step.condition is not None:
            for one in step.condition.names:
                yield one, name, "when"
        for kind, target in step.policy.fallback.items():
            yield target, name, f"if {kind} fails" if kind != "any" else "if it fails"


def figures(record: Mapping[str, Any]) -> dict[str, str]:
    """What a run record says of each node, in a few words: time, calls, passages.

    Args:
        record: as ``RunRecord.to_json`` gives it.
    """
    said: dict[str, str] = {}
    for name, stage in record["stages"].items():
        cost = record["cost"]["by_node"].get(name, {})
        words = [f"{cost.get('seconds', 0.0) * 1000:.0f} ms"]
        if cost.get("calls"):
            words.append(f"{cost['calls']} call{'s' if cost['calls'] > 1 else ''}")
        if "passages" in stage:
            words.append(f"{len(stage['passages'])} passages")
        for outcome in ("skipped", "abstention"):
            if outcome in stage:
                words.append("skipped" if outcome == "skipped" else "abstained")
        said[name] = ", ".join(words)
    return said


def mermaid(pipeline: Pipeline, said: Mapping[str, str] | None = None) -> str:
    """The graph as a Mermaid flowchart.

    Args:
        pipeline: what is drawn.
        said: node to a line below its component, such as ``figures`` gives.
    """
    lines = ["flowchart TD", f'  {INPUT}(["{INPUT}"])']
    for name, step in pipeline.steps.items():
        more = f"<br/><small>{said[name]}</small>" if said and name in said else ""
        lines.append(f'  {name}["{name}<br/><small>{step.node.name}</small>{more}"]')
    lines += [f"  {start} -- {label} --> {end}" for start, end, label in edges(pipeline)]
    lines += [f'  {start} -. "{label}" .-> {end}' for start, end, label in looks(pipeline)]
    lines.append(f'  {pipeline.output} --> outcome(["answer or abstention"])')
    return "\n".join(lines) + "\n"


def svg(pipeline: Pipeline, said: Mapping[str, str] | None = None) -> str:
    """The graph as an SVG picture, one row a level, edges from above; conditions are dashed.

    Args:
        pipeline: what is drawn.
        said: node to what stands in the place of its component, such as ``figures`` gives.
    """
    rows = [(INPUT,), *pipeline.levels, ("outcome",)]
    width = max(len(row) for row in rows) * (BOX_WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    height = len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    places = {name: place for row in _placed(rows, width) for name, place in row}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" role="img"'
        f" aria-label={quoteattr(f'pipeline {pipeline.name}')}>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#7a869a"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    arrows = [(start, end) for start, end, _ in edges(pipeline)] + [(pipeline.output, "outcome")]
    lines += [_arrow(places[start], places[end]) for start, end in dict.fromkeys(arrows)]
    dashed = dict.fromkeys((start, end) for start, end, _ in looks(pipeline))
    lines += [_arrow(places[start], places[end], dashed=True) for start, end in dashed]
    for name, (x, y) in places.items():
        step = pipeline.steps.get(name)
        label = (
            ((said or {}).get(name) or step.node.name)
            if step
            else ("what comes in" if name == INPUT else "answer or abstention")
        )
        lines.append(_box(x, y, name, label, inner=step is not None))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _placed(
    rows: list[tuple[str, ...]], width: int
) -> Iterator[list[tuple[str, tuple[float, float]]]]:
    for level, row in enumerate(rows):
        left = (width - len(row) * (BOX_WIDTH + GAP_X) + GAP_X) / 2
        y = MARGIN + level * (BOX_HEIGHT + GAP_Y)
        yield [(name, (left + i * (BOX_WIDTH + GAP_X), y)) for i, name in enumerate(row)]


def _arrow(start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> str:
    x1, y1 = start[0] + BOX_WIDTH / 2, start[1] + BOX_HEIGHT
    x2, y2 = end[0] + BOX_WIDTH / 2, end[1] - 2
    bend = min(60.0, (y2 - y1) / 2)
    far = y2 - y1 > BOX_HEIGHT + 2 * GAP_Y  # passes by other boxes: drawn lightly
    return (
        f'<path d="M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"'
        f' fill="none" stroke="#7a869a" stroke-opacity="{0.3 if far else 1}" stroke-width="1.2"'
        f"{DASHES if dashed else ''}"
        ' marker-end="url(#tip)"/>'
    )


def _box(x: float, y: float, name: str, label: str, *, inner: bool) -> str:
    fill, radius = ("#f4f7fb", 6) if inner else ("#e6f4ea", 22)
    middle = x + BOX_WIDTH / 2
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="{radius}"'
        f' fill="{fill}" stroke="#5b6b82"/>'
        f'<text x="{middle:g}" y="{y + 19:g}" font-size="14" font-weight="600" fill="#1b2636"'
        f' text-anchor="middle">{escape(name)}</text>'
        f'<text x="{middle:g}" y="{y + 35:g}" font-size="11" fill="#5b6b82"'
        f' text-anchor="middle">{escape(label)}</text>'
    )
