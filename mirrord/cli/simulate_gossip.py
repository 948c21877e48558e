"""``mirrord simulate gossip``: how records travel in a network of simulated nodes."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mirrord.cli.status import DEGRADED
from mirrord.core.errors import UsageError

if TYPE_CHECKING:
    from mirrord.simulation.gossip.wishes import GossipWishes

_RULE_BROKEN: Final = 1
_GOSSIP_ALONE: Final = ("reachable", "offline", "hostile", "periods", "exact")
_PLACEMENT_ALONE: Final = (*("policy", "shards", "copies", "staleness", "known", "loss", "hours", "plot", "no_oracle"),)

Reachable = Annotated[float, typer.Option(metavar="SHARE", help="gossip: the part of the nodes that can be dialled.")]
Offline = Annotated[float, typer.Option(metavar="SHARE", help="gossip: the part of the nodes that is offline.")]
Hostile = Annotated[
    float, typer.Option(metavar="SHARE", help="gossip: the part of those online that forges, replays or floods.")
]
Periods = Annotated[int, typer.Option(help="gossip: measure so many periods of 60 s.")]
Exact = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="gossip: the part of the rounds that is spoken message by message.",
        show_default="what gives good figures",
    ),
]


def check_options(context: typer.Context, about_gossip: bool) -> None:
    """Raise :class:`UsageError` for an option on the line that means nothing in what is simulated."""
    strange = _PLACEMENT_ALONE if about_gossip else _GOSSIP_ALONE
    for name in strange:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = "--" + name.replace("_", "-")
            what = "the placement of shards" if about_gossip else "gossip"
            hint = "leave it out" if about_gossip else f"mirrord simulate gossip {option} ..."
            raise UsageError(f"{option} is about {what}", hint)


def simulate_gossip(wishes: "GossipWishes", as_json: bool) -> None:
    """Run it, tell how far it is, and print what it came to."""
    from mirrord.cli.gossip_report import print_gossip
    from mirrord.simulation.gossip.run import run_gossip
    from mirrord.simulation.gossip.wishes import check_gossip_wishes
    from mirrord.simulation.telling import telling_on

    check_gossip_wishes(wishes)
    with telling_on(sys.stderr) as telling:
        result = run_gossip(wishes, telling.far)
    print_gossip(result, as_json)
    if result.forged_accepted or result.mismatches:
        raise typer.Exit(_RULE_BROKEN)
    if result.periods_to_999 is None or result.urgent_periods_to_999 is None:
        raise typer.Exit(DEGRADED)
