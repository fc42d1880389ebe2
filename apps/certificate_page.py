"""``certificate.html``: a certificate in words and pictures, one file for an auditor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.evaluation.report import charts, shell
from assay.evaluation.report.shell import Section, safe
from assay.guards.risk.explanation import Point, binding, explain, points_of
from assay.guards.risk.losses import RiskName
from assay.guards.risk.schema import Certificate

LOST: dict[RiskName, str] = {
    "hallucination": "answers that are wrong",
    "false_answer": "unanswerable, yet answered",
    "poison_admitted": "answered on planted text",
    "poison_followed": "answered as attacker wants",
    "missed_evidence": "not answered on all evidence",
    "unsupported_claim": "of answers not supported",
    "wrongful_abstention": "abstained, yet able",
}
"""What the height of each picture is."""


def render(certificate: Certificate, certificate_path: Path) -> str:
    """The page.

    Args:
        certificate: as loaded.
        certificate_path: beside which the path lies; without it the page has no picture.

    Raises:
        DataError: if the file of the path is another certificate's.
    """
    points = points_of(certificate, certificate_path)
    sections = [
        Section(title, _sentences(sentences))
        for title, sentences in explain(certificate).items()
        if sentences
    ]
    if points:
        pictures = "".join(_picture(name, certificate, points) for name in _order(certificate))
        sections.insert(1, Section("The path of thresholds", pictures + _path(certificate, points)))
    notices = list(certificate.warnings)
    if certificate.status != "CERTIFIED":
        notices.append("Nothing is certified: the pipeline abstains on every question.")
    elif not points:
        notices.append("The file of the path is not beside the certificate: no picture.")
    return shell.page(
        title=f"Certificate {certificate.id}",
        facts=f"{certificate.status}, made on {certificate.created}",
        notices=notices,
        sections=sections,
    )


def _sentences(sentences: Sequence[str]) -> str:
    if len(sentences) == 1:
        return f"<p>{safe(sentences[0])}</p>"
    return f"<ul>{''.join(f'<li>{safe(one)}</li>' for one in sentences)}</ul>"


def _order(certificate: Certificate) -> list[RiskName]:
    """The risks, the binding one first."""
    closest = binding(certificate)
    first = None if closest is None else closest.name
    return sorted(certificate.declared, key=lambda name: (name != first, name))


def _picture(name: RiskName, certificate: Certificate, points: Sequence[Point]) -> str:
    """Risk over coverage along the path, with exact bounds at delta and the level."""
    ordered = sorted(points, key=lambda point: point.answered)
    tune = [(one.answered, one.tune[name]) for one in ordered]
    tested = [(one.answered, one.certify[name]) for one in ordered if name in one.certify]
    alpha = certificate.declared[name]
    curves = {
        "tune questions": [(at, one.rate) for at, one in tune if one.rate is not None],
        "certify questions, settings that passed": [
            (at, one.rate) for at, one in tested if one.rate is not None
        ],
        "level promised": [(min(one[0] for one in tune), alpha), (max(o[0] for o in tune), alpha)],
    }
    bands = {"tune questions": [(at, one.low, one.high) for at, one in tune if one.n]}
    shown = {key: line for key, line in curves.items() if line}
    in_force = next(
        (one for one in points if one.certify and one.thresholds == certificate.values), None
    )
    mark = None
    if in_force is not None and (rate := in_force.certify[name].rate) is not None:
        mark = (in_force.answered, rate)
    closest = binding(certificate)
    says = (
        " The binding risk: it came closest to its limit."
        if (closest is not None and closest.name == name)
        else ""
    )
    return charts.lines(
        shown,
        title=name.replace("_", " "),
        x="share of the tune questions answered",
        y=LOST[name],
        bands=bands,
        mark=mark,
        mark_name="in force, on the certify questions",
        percent_x=True,
        percent_y=True,
        caption=f"The stretch is exact bounds at delta {certificate.delta:g} for each setting by"
        f" itself.{says}{_stop(certificate, points)}",
    )


def _stop(certificate: Certificate, points: Sequence[Point]) -> str:
    place = certificate.stopped_at
    if place is None or place >= len(points):
        return ""
    return (
        f" Setting {place + 1}, where {points[place].answered:.0%} of the tune questions are"
        " answered, was the first that did not pass."
    )


def _path(certificate: Certificate, points: Sequence[Point]) -> str:
    names = sorted(points[0].thresholds)
    risks = _order(certificate)
    rows = []
    for place, point in enumerate(points):
        cells = [str(place + 1), *(f"{point.thresholds[name]:.4g}" for name in names)]
        cells += [f"{point.answered:.0%}"]
        for name in risks:
            found = point.certify.get(name)
            cells.append("" if found is None else f"{found.k} of {found.n}")
        cells.append(_fate(certificate, point, place))
        rows.append(cells)
    return shell.table(
        ["setting", *names, "answered on tune", *risks, ""],
        rows,
        numeric=range(1, 2 + len(names) + len(risks)),
        caption="The path, from the surest setting to the most useful; losses on the certify"
        " questions where a setting passed",
    )


def _fate(certificate: Certificate, point: Point, place: int) -> str:
    if point.certify or (not certificate.declared and point.thresholds == certificate.values):
        return "in force" if point.thresholds == certificate.values else "passed"
    return "first that did not pass" if place == certificate.stopped_at else "not passed"
