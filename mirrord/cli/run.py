"""``mirrord run``: the daemon, in the foreground."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mirrord.cli.folder import chosen_folder
from mirrord.config import load_config


def run(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="The node's folder; $MIRRORD_FOLDER or ~/.local/share/mirrord without it.", show_default=False
        ),
    ] = None,
    option: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The same as FOLDER.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Another file than FOLDER/mirrord.toml.")] = None,
    pledge: Annotated[str | None, typer.Option(help="How much disk this node gives, for this run.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, text or json.")] = None,
) -> None:
    """Run the node in FOLDER until SIGTERM or Ctrl-C; logs go to stderr."""
    from mirrord.daemon.memory import prepare_process

    prepare_process()

    import trio

    from mirrord.daemon.daemon import run_daemon
    from mirrord.daemon.logs import start_logging
    from mirrord.service import ServiceSupervisor

    flags = {"pledge": pledge, "log_level": log_level, "log_format": log_format}
    load = partial(load_config, chosen_folder(folder, option), config, os.environ, flags)
    settings = load()
    start_logging(settings.log_level, settings.log_format)
    trio.run(run_daemon, load, ServiceSupervisor.from_environment(os.environ))
