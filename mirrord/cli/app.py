"""The command line as a whole; a command's module is imported only when its name is on the line.

Every other command is a stand-in that knows its name and one line of help, so that ``mirrord
status`` never waits for what ``mirrord run`` needs, and ``mirrord --help`` for nothing at all.
"""

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from typer.core import TyperCommand

from mirrord.cli.quick import QuickCommand, QuickGroup

_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command: where its function is, as ``module:name``, and what it does in one line.

    ``kind`` is typer's class for it; ``QuickCommand`` suits the ones whose options are plain, and
    matters to those that must be quick (they only talk to a daemon) or small (they are one).
    """

    name: str
    function: str
    help: str
    kind: type[TyperCommand] = TyperCommand


@dataclass(frozen=True, slots=True)
class LazyGroup:
    """A word that stands before other commands."""

    name: str
    help: str
    commands: tuple[Lazy, ...]


TOP: Final = (
    Lazy("init", "mirrord.cli.init:init", "Make a node: its folder, its key, its configuration."),
    Lazy("run", "mirrord.cli.run:run", "Run the node's daemon in the foreground.", QuickCommand),
    Lazy("demo", "mirrord.cli.demo:demo", "Watch a small network share, lose and heal a real collection."),
    Lazy("status", "mirrord.cli.status:status", "Show this node, its collections and how safe they are.", QuickCommand),
    Lazy("top", "mirrord.cli.top:top", "Watch the collections and this node, as a page on the terminal.", QuickCommand),
    Lazy("coverage", "mirrord.cli.coverage:coverage", "Show how safe the collections are.", QuickCommand),
    Lazy("peers", "mirrord.cli.peers:peers", "List the other nodes that this one knows.", QuickCommand),
    Lazy(
        "shards",
        "mirrord.cli.shards:shards",
        "List the shards of the joined collections with their copies.",
        QuickCommand,
    ),
    Lazy("plan", "mirrord.cli.plan:plan", "Say why this node holds, claims, skips or waits.", QuickCommand),
    Lazy("simulate", "mirrord.cli.simulate:simulate", "Try placement or gossip on thousands of simulated nodes."),
    Lazy("leave", "mirrord.cli.leaving:leave_all", "Leave every collection gracefully.", QuickCommand),
    Lazy(
        "set-port",
        "mirrord.cli.port:set_port",
        "Listen on another port, without a restart.",
        QuickCommand,
    ),
    Lazy("stop", "mirrord.cli.stop:stop", "Stop the daemon cleanly.", QuickCommand),
)
GROUPS: Final = (
    LazyGroup(
        "collection",
        "Join and leave collections; build and publish them.",
        (
            Lazy(
                "join",
                "mirrord.cli.membership:join",
                "Join a collection by its invitation or from its folder.",
                QuickCommand,
            ),
            Lazy("list", "mirrord.cli.membership:list_collections", "List the joined collections.", QuickCommand),
            Lazy("invite", "mirrord.cli.membership:invite", "Print the invitation to a collection.", QuickCommand),
            Lazy("leave", "mirrord.cli.leaving:leave", "Leave a collection.", QuickCommand),
            Lazy("members", "mirrord.cli.admission:members", "List who counts in a collection.", QuickCommand),
            Lazy("admit", "mirrord.cli.admission:admit", "Say whose copies count in a collection.", QuickCommand),
            Lazy("revoke", "mirrord.cli.admission:revoke", "Take nodes out of a collection.", QuickCommand),
            Lazy("vouch", "mirrord.cli.admission:vouch", "Vouch for nodes, as a voucher.", QuickCommand),
            Lazy("build", "mirrord.cli.collection:build", "Make a collection from a folder."),
            Lazy("inspect", "mirrord.cli.collection:inspect", "Check a collection's folder and say what is in it."),
            Lazy("publish", "mirrord.cli.collection:publish", "Sign a new version of a collection."),
        ),
    ),
    LazyGroup(
        "shard",
        "Check our own copies; take in what is on the disk already.",
        (
            Lazy("verify", "mirrord.cli.shard:verify", "Read holdings again, every byte.", QuickCommand),
            Lazy("adopt", "mirrord.cli.shard:adopt", "Take in shards that are on the disk already.", QuickCommand),
        ),
    ),
    LazyGroup(
        "metrics",
        "Be watched by Prometheus.",
        (Lazy("targets", "mirrord.cli.metrics:targets", "Say where Prometheus finds daemons.", QuickCommand),),
    ),
)


def build_app(words: Iterable[str]) -> typer.Typer:
    """Return the app for a command line with these words in it."""
    wanted = set(words)
    app = _typer("Keep large collections alive on volunteers' spare disks.", _root, True)
    for command in TOP:
        _add(app, command, command.name in wanted)
    for group in GROUPS:
        inner = _typer(group.help, _help_without_command, False)
        for command in group.commands:
            _add(inner, command, group.name in wanted and command.name in wanted)
        app.add_typer(inner, name=group.name)
    return app


def words_to_complete() -> list[str]:
    """Return the words of a line that a shell asks us to complete (each shell has its own variable)."""
    return f"{os.environ.get('COMP_WORDS', '')} {os.environ.get('_TYPER_COMPLETE_ARGS', '')}".split()


def _typer(help_text: str, callback: Callable[..., None], has_completion: bool) -> typer.Typer:
    app = typer.Typer(
        cls=QuickGroup,
        help=help_text,
        add_completion=has_completion,
        rich_markup_mode=None,  # rich is slow to load, and this program has its own errors
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
    )
    app.callback(invoke_without_command=True)(callback)
    return app


def _add(app: typer.Typer, command: Lazy, is_wanted: bool) -> None:
    if is_wanted:
        module, _, name = command.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        app.command(command.name, cls=command.kind, short_help=command.help)(function)
    else:
        app.command(command.name, short_help=command.help)(_stand_in)


def _stand_in() -> None:
    """Never run: a command that is on the line has its own function."""


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mirrord {version('mirrord')}")
        raise typer.Exit


def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; so does MIRRORD_DEBUG=1.")
    ] = False,
) -> None:
    _help_without_command(context)
