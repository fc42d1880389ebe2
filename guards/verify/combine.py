"""Turn verdicts into a selection: what is dropped, what is kept with its flags noted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field

from assay.pipeline.component import Config, Node, register
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.words import Dropped, Flag, Hit, Selection, Verdicts


class CombineConfig(Config):
    """Settings of ``verify.combine@1``."""

    drop: dict[str, bool | float] = Field(
        default_factory=dict,
        description="by input: true drops every passage that the check flags, false none,"
        " a number those whose flag has at least this score; an input that is not named drops none",
    )
    keep_flags: tuple[str, ...] = Field(
        ("near_duplicate", "contradiction"),
        strict=False,
        description="names of flags that are noted and never drop a passage",
    )


@register("verify.combine@1")
class Combine(Node):
    """Apply the drop policy to a selection, check by check.

    A passage is dropped for its first dropping flag, checks in alphabetical order,
    with ``verifier: <the flag's reason>``. Order stays, and earlier drops stay
    first. Near-duplicates and contradictions are kept by default: neither is
    poison by itself. Cost: no model calls.
    """

    Config = CombineConfig

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the policy and the checks that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        inputs = sorted(names.get("verdicts", ()))
        return [
            f"drop rule for '{name}', which is no input; {nearest(name, inputs)}"
            for name in sorted(set(self.config.drop) - set(inputs))
        ]

    def run(self, selection: Selection, verdicts: Mapping[str, Verdicts]) -> Selection:
        """The selection without what the policy drops.

        Raises:
            UsageError: if a drop rule names no check, or a check left out a passage.
        """
        problems = self.check_ports({"verdicts": verdicts})
        if problems:
            raise UsageError("verify.combine: " + "; ".join(problems))
        flags = {name: _by_passage(name, verdicts[name], selection) for name in sorted(verdicts)}
        kept: list[Hit] = []
        dropped: list[Dropped] = []
        for hit in selection.kept:
            found = [(name, flag) for name in flags for flag in flags[name][hit.passage.id]]
            reasons = [flag.reason for name, flag in found if self._drops(name, flag)]
            if reasons:
                dropped.append(Dropped(hit, f"verifier: {reasons[0]}"))
            else:
                kept.append(hit)
        return selection.narrowed(tuple(kept), tuple(dropped))

    def _drops(self, check: str, flag: Flag) -> bool:
        rule = self.config.drop.get(check, False)
        if flag.name in self.config.keep_flags:
            return False
        return rule if isinstance(rule, bool) else flag.score >= rule


def _by_passage(name: str, verdicts: Verdicts, selection: Selection) -> dict[str, tuple[Flag, ...]]:
    found = {verdict.passage_id: verdict.flags for verdict in verdicts.verdicts}
    missing = [one for one in selection.ids if one not in found]
    if missing:
        raise UsageError(
            f"verify.combine needs a verdict on every kept passage; '{name}' ({verdicts.source})"
            f" has none for '{missing[0]}': wire the checks to the same selection"
        )
    return found
