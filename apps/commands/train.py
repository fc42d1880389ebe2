"""``assay train``: what stages load that has to be learned from labelled questions."""

from __future__ import annotations

import importlib

import click

TRAINED = {
    "conformal": "fit select.conformal, which misses evidence at most so often",
    "select": "train select.learned, which keeps what is needed",
}


class _Trained(click.Group):
    """Loads what a subcommand needs only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(TRAINED)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in TRAINED:
            return None
        module = importlib.import_module(f"assay.apps.training.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(TRAINED.items()))


@click.group(cls=_Trained)
def command() -> None:
    """Train or fit a node of a pipeline on the tune fold of a labelled set."""
