"""Small pictures as inline SVG; colours come from the page's style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 460
HEIGHT = 230


def funnel(counts: Mapping[str, float]) -> str:
    """Bars of falling length, one a stage, with the value at the end.

    Args:
        counts: stage to its mean number of passages, from first to last.
    """
    most = max(counts.values(), default=0.0) or 1.0
    parts = []
    for place, (name, value) in enumerate(counts.items()):
        y = 10 + place * 40
        # Square roots keep the last stages visible beside the first.
        length = 280 * (value / most) ** 0.5
        parts.append(
            f'<text x="88" y="{y + 19}" class="label" text-anchor="end">{escape(name)}</text>'
            f'<rect x="98" y="{y}" width="{max(length, 1.5):.1f}" height="28" rx="5"'
            f' class="bar" style="opacity:{1 - 0.13 * place:.2f}"/>'
            f'<text x="{98 + length + 8:.1f}" y="{y + 19}" class="value">{value:.1f}</text>'
        )
    height = 20 + 40 * len(counts)
    return _svg(height, "Passages per question, stage by stage", "".join(parts))


def risk_coverage(points: Sequence[tuple[float, float]], now: tuple[float, float] | None) -> str:
    """Selective risk over coverage, with a dot where the pipeline stands now.

    Args:
        points: (coverage, risk), coverage rising.
        now: the pipeline's coverage and risk, None where unknown.
    """
    left, right, top, bottom = 52, WIDTH - 16, 14, HEIGHT - 38
    highest = max([risk for _, risk in points] + ([now[1]] if now else []) + [0.05])
    ceiling = min(1.0, 0.05 * (int(highest / 0.05) + 1))

    def x(coverage: float) -> float:
        return left + (right - left) * coverage

    def y(risk: float) -> float:
        return bottom - (bottom - top) * risk / ceiling

    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<line x1="{x(share):.1f}" x2="{x(share):.1f}" y1="{top}" y2="{bottom}" class="grid"/>'
            f'<text x="{x(share):.1f}" y="{bottom + 16}" class="tick" text-anchor="middle">'
            f"{share:.0%}</text>"
        )
        risk = ceiling * share
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y(risk):.1f}" y2="{y(risk):.1f}" class="grid"/>'
            f'<text x="{left - 7}" y="{y(risk) + 4:.1f}" class="tick" text-anchor="end">'
            f"{risk:.3g}</text>"
        )
    parts.append(
        f'<text x="{(left + right) / 2}" y="{HEIGHT - 4}" class="tick" text-anchor="middle">'
        f"coverage: share of questions answered</text>"
        f'<text transform="translate(12 {(top + bottom) / 2}) rotate(-90)" class="tick"'
        f' text-anchor="middle">risk: share of wrong answers</text>'
    )
    path = " ".join(f"{x(coverage):.1f},{y(risk):.1f}" for coverage, risk in points)
    parts.append(f'<polyline points="{path}" class="curve"/>')
    if now is not None:
        parts.append(f'<circle cx="{x(now[0]):.1f}" cy="{y(now[1]):.1f}" r="5.5" class="now"/>')
    return _svg(HEIGHT, "Risk and coverage at each confidence threshold", "".join(parts))


def _svg(height: float, title: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )
