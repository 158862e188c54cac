"""The table of subcommands, and how each answers what goes wrong."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

from convariant import ConvariantError, TrainingInterruptedError, __version__
from convariant.cli import (
    bench,
    claims,
    compare,
    compile,
    demo,
    diff,
    draw,
    evaluate,
    export,
    factorize,
    geometry,
    inspect,
    lint,
    mobilize,
    models,
    predict,
    report,
    separability,
    studio,
    symmetry,
    train,
)
from convariant.cli._memory import lacks_memory

P = ParamSpec("P")
R = TypeVar("R")

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "models": models.models,
    "inspect": inspect.inspect,
    "lint": lint.lint,
    "diff": diff.diff,
    "export": export.export,
    "geometry": geometry.geometry,
    "claims": claims.claims,
    "separability": separability.separability,
    "factorize": factorize.factorize,
    "mobilize": mobilize.mobilize,
    "compare": compare.compare,
    "draw": draw.draw,
    "compile": compile.compile_,
    "bench": bench.bench,
    "report": report.report,
    "studio": studio.studio,
}

# subcommands that have subcommands: their help, and their own table, whose first is the one meant
# where a network's name stands in place of a command
GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "symmetry": ("What a network keeps when its input moves.", symmetry.COMMANDS),
}


class _FirstMeant(TyperGroup):
    """`convariant symmetry MODEL` is `convariant symmetry measure MODEL`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if named else [next(iter(self.commands)), *args])


def build() -> typer.Typer:
    """The application with all its subcommands."""
    app = typer.Typer(
        name="convariant",
        help="Convolutional networks: built, understood, and run fast.",
        epilog="Start with: convariant demo",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, command in COMMANDS.items():
        alone = name in ("claims", "demo", "models", "studio")
        app.command(name, no_args_is_help=not alone)(answering(command))
    for name, (text, commands) in GROUPS.items():
        group = typer.Typer(
            cls=_FirstMeant, help=text, no_args_is_help=True, rich_markup_mode="rich"
        )
        for own, command in commands.items():
            group.command(own)(answering(command))
        app.add_typer(group, name=name)
    return app


def answering(command: Callable[P, R]) -> Callable[P, R]:
    """A command that turns errors the user can mend into one sentence and exit code 2."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except TrainingInterruptedError as error:
            from convariant.training import is_first_process

            if not is_first_process():
                raise typer.Exit(2) from None
            sentence = str(error)
        except ConvariantError as error:
            sentence = str(error)
        except KeyboardInterrupt:
            sentence = "stopped"
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has gone, as in `convariant models | head`
                raise
            place = f"{error.filename}: " if error.filename else ""
            sentence = f"{place}{error.strerror or error}"
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            sentence = (
                "this takes more memory than there is; ask for fewer channels or smaller images"
            )
        print(f"convariant: {sentence}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2)

    return run


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"convariant {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass
