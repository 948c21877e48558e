"""``mirrord demo``: the whole loop on one machine, in about a minute."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mirrord.demo.run import DemoResult


def demo(
    nodes: Annotated[int, typer.Option(help="How many volunteers, beside the origin.")] = 5,
    source: Annotated[
        Path | None, typer.Option("--from", help="Share this folder instead of the Python library.")
    ] = None,
    rights: Annotated[str, typer.Option(help="Under what terms the files of --from may be shared.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the machines running at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a network of real daemons share a collection, lose two nodes, and heal."""
    import signal

    from rich.console import Console

    from mirrord.demo.run import DemoWishes, run_demo

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us, the machines end too
    console = Console(stderr=True) if as_json else Console()
    result = run_demo(DemoWishes(nodes, source, rights, keep), console)
    if as_json:
        import json

        sys.stdout.write(json.dumps({"schema": 1, **asdict(result.summary)}) + "\n")
    else:
        _print_summary(console, result)
    if keep and result.summary.healed:
        _print_what_next(console, result)
    if not result.summary.healed:
        raise typer.Exit(1)


def _print_summary(console: "Console", result: "DemoResult") -> None:
    from mirrord.sizes import format_size

    s = result.summary
    verdict = "[bold green]It works." if s.healed else "[bold red]It did not work."
    console.print(
        f"\n{verdict}[/] {s.shards} shards on {s.nodes} nodes; every shard has at least {s.min_replicas} replicas.\n"
        f"  time to full   {s.seconds_to_full:.1f} s\n"
        f"  time to heal   {s.seconds_to_heal:.1f} s after SIGKILL of the origin and a volunteer\n"
        f"  bytes needed   {format_size(s.bytes_needed)}\n"
        f"  bytes fetched  {format_size(s.bytes_fetched)} (waste {s.waste_ratio:.1%})\n"
        f"  claims         {s.claims_made} made, {s.claims_yielded} yielded\n"
        f"  files          {s.files_checked} checked by SHA-256, {s.files_bad} bad"
    )
    for problem in s.problems:
        console.print(f"  [red]{problem}[/]")


def _print_what_next(console: "Console", result: "DemoResult") -> None:
    first = result.network.volunteers[0]
    pids = " ".join(str(machine.process.pid) for machine in result.network.machines if machine.process is not None)
    console.print(
        f"\nThe machines go on running in {result.root}. Try:\n"
        f"  mirrord status --folder {first.folder}\n"
        f"  mirrord plan --folder {first.folder}\n"
        f"  curl http://127.0.0.1:{first.metrics_port}/metrics\n"
        f"Stop them with:  kill {pids}; then delete {result.root}",
        soft_wrap=True,
    )
