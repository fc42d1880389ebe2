"""The command line: one function a command, each in its own file."""

from __future__ import annotations

import importlib
import sys

import click

from assay.pipeline.errors import AssayError, BuildError

COMMANDS = {
    "ask": "answer one question",
    "attack": "make a poisoned twin of a labelled set",
    "benchmark": "build a labelled set from your own documents",
    "cache": "look into the cache of node outputs, and empty it",
    "calibrate": "find thresholds that keep a promise, and certify them",
    "check": "list every error of a pipeline file",
    "compare": "compare finished evaluations, with tests and every win to open",
    "demo": "the whole product on the documentation that every Python carries",
    "evaluate": "run a labelled set and score it",
    "explain": "print a pipeline with every value in force",
    "graph": "draw a pipeline",
    "index": "build or update a pipeline's corpus",
    "models": "list, fetch, verify and remove the embedded models",
    "monitor": "watch a certificate in service: drift, audits, alarms that stay",
    "replay": "run a recorded query again and say where it parts from the record",
    "run": "answer a file of questions",
    "schema": "print the JSON Schema of pipeline files, for editors",
    "suite": "ask what plain figures do not answer: typos, robustness, stability, attacks",
    "train": "train a selector on labelled questions, or fit one that keeps a promise",
    "tune": "search for better settings, and say what they are worth on other questions",
}


class _Commands(click.Group):
    """Loads a command's module only when it is used, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"assay.apps.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from assay.pipeline.errors import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command '{args[0]}'; {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="assay")
def cli() -> None:
    """Answers from your documents that somebody can stand behind.

    Start with:  assay demo

    Your own files:  assay index own-documents --docs FOLDER, then
    assay ask own-documents "your question"
    """


def main() -> None:
    """Run the command line; exit 0 for done, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BuildError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except AssayError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing was left half-written", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {place}{error.strerror}; check the path and the disk", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
