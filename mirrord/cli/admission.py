"""``mirrord collection admit, revoke, vouch, members``: who is counted in a collection.

A curator signs with a key file here; the daemon only hands on what is signed.  Without a key file the daemon
signs with its node's own key, where a curator made that a curator's or a voucher's.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import CollectionName, Folder, Json, Socket
from mirrord.cli.output import print_json, print_lines
from mirrord.cli.table import Cell, Column, own_screen, table_lines
from mirrord.cli.text import counted, label
from mirrord.control.shapes import Done, Members, MemberShape
from mirrord.core.errors import UsageError
from mirrord.times import format_moment

if TYPE_CHECKING:
    from mirrord.cli.admission_orders import Order

_YEAR: Final = "1y"
_LONGEST: Final = "5y"
_QUOTA: Final = 10

CollectionOrFolder = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTION", help="Its name, its id, or the folder that `collection build` made, whose key signs then."
    ),
]
SomeNodes = Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", help="Ids of nodes, or of curators' keys.")]
Nodes = Annotated[list[str], typer.Argument(metavar="NODE...", help="Ids of nodes.")]
Key = Annotated[
    Path | None,
    typer.Option(help="The key file of the collection or of a curator; without it this node's own key signs."),
]
Until = Annotated[str, typer.Option(metavar="DATE", help="Let it hold until this date: 2027-12-31.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help=f"Let it hold for so long.  [default: {_YEAR}]")]


class PolicyChoice(StrEnum):
    """Whose copies count."""

    OPEN = "open"
    VOUCHED = "vouched"
    LISTED = "listed"


def admit(
    collection: CollectionOrFolder,
    nodes: SomeNodes = None,
    voucher: Annotated[bool, typer.Option("--voucher", help="Let them vouch for others, too.")] = False,
    quota: Annotated[
        int | None,
        typer.Option(min=1, max=1_000, help="For how many nodes each may vouch.", show_default=str(_QUOTA)),
    ] = None,
    curator: Annotated[bool, typer.Option("--curator", help="Let them admit and revoke, as the curator does.")] = False,
    policy: Annotated[PolicyChoice | None, typer.Option(help="Whose copies count from now on.")] = None,
    until: Until = "",
    for_time: For = "",
    key: Key = None,
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Say whose copies count in a collection: list nodes, name vouchers and curators, set the policy."""
    from mirrord.cli.admission_orders import Order

    if voucher and curator:
        raise UsageError("--voucher and --curator exclude each other", "a curator may do all that a voucher may")
    if quota is not None and not voucher:
        raise UsageError("--quota is of a voucher", "add --voucher")
    if not nodes and policy is None:
        raise UsageError("admit whom?", "name the nodes by their ids, or set a --policy")
    says = "curator" if curator else "voucher" if voucher else "member"
    order = Order(
        collection, tuple(nodes or ()), says, _end(until, for_time, _YEAR), quota or _QUOTA if voucher else 0, policy
    )
    _carry_out(order, key, folder, socket, as_json)


def revoke(
    collection: CollectionOrFolder,
    nodes: Nodes,
    until: Until = "",
    for_time: Annotated[
        str, typer.Option("--for", metavar="TIME", help=f"Let it hold for so long.  [default: {_LONGEST}]")
    ] = "",
    key: Key = None,
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Take nodes out of a collection: they count no more, whoever vouches for them."""
    from mirrord.cli.admission_orders import Order

    order = Order(collection, tuple(nodes), "revoked", _end(until, for_time, _LONGEST))
    _carry_out(order, key, folder, socket, as_json)


def vouch(
    collection: CollectionName,
    nodes: Nodes,
    take_back: Annotated[bool, typer.Option("--take-back", help="Vouch for them no longer.")] = False,
    until: Until = "",
    for_time: For = "",
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Vouch for nodes with this node's own key, where a curator made this node a voucher."""
    from mirrord.cli.admission_orders import Order

    says = "revoked" if take_back else "member"
    order = Order(collection, tuple(nodes), says, _end(until, for_time, _YEAR), is_vouch=True)
    _carry_out(order, None, folder, socket, as_json)


def members(collection: CollectionName, folder: Folder = None, socket: Socket = None, as_json: Json = False) -> None:
    """List who counts in a collection, by whose word and until when; `*` marks this node."""
    answer = client_for(folder, socket).get("members", Members, collection=collection)
    if as_json:
        print_json(answer)
    else:
        print_lines(members_lines(answer))


def members_lines(answer: Members) -> Iterator[str]:
    """Yield the lines for people: the policy, then one line a subject."""
    yield f"{label(answer.name, answer.collection)} is {answer.policy}: {_POLICIES[answer.policy]}"
    if not answer.members:
        return
    columns = [
        Column("node", flexible=True, least=12),
        Column("role"),
        Column("counts"),
        Column("vouches", right=True),
        Column("until"),
        Column("by", flexible=True),
    ]
    yield ""
    yield from table_lines(own_screen(), columns, [_row(answer, member) for member in answer.members])


_POLICIES: Final = {
    "open": "everybody counts who was not revoked",
    "vouched": "whoever a curator listed or a voucher vouches for counts",
    "listed": "whoever a curator listed counts",
}


def _row(answer: Members, member: MemberShape) -> list[Cell | str]:
    return [
        member.id,
        member.role + ("*" if member.id == answer.node else ""),
        Cell("yes", "green") if member.counts else Cell("no", "yellow"),
        f"{member.vouches_used} of {member.quota}" if member.quota else "-",
        format_moment(member.expires_at) if member.expires_at else "-",
        "the collection" if member.by == answer.collection else member.by[:8] or "-",
    ]


def _end(until: str, for_time: str, otherwise: str) -> int:
    """Return the unix second until which a word holds."""
    import time

    from mirrord.core.limits import ADMISSION_LIFETIME_MAX_SECONDS
    from mirrord.times import parse_duration, parse_moment

    if until and for_time:
        raise UsageError("--until and --for exclude each other", "give one of the two")
    now = int(time.time())
    end = parse_moment(until) if until else now + int(parse_duration(for_time or otherwise))
    if not now < end <= now + ADMISSION_LIFETIME_MAX_SECONDS:
        years = ADMISSION_LIFETIME_MAX_SECONDS // (365 * 86_400)
        raise UsageError(f"it cannot hold until {format_moment(end)}", f"say a time to come, {years} years at most")
    return end


def _carry_out(order: "Order", key: Path | None, folder: Path | None, socket: Path | None, as_json: bool) -> None:
    from mirrord.cli.admission_orders import carry_out

    answer = carry_out(client_for(folder, socket), order, key)
    if as_json:
        print_json(Done(done=order.says, collection=answer.collection, name=answer.name))
    else:
        print_lines(_sentences(order, answer))


def _sentences(order: "Order", answer: Members) -> Iterator[str]:
    name, nodes = label(answer.name, answer.collection), set(order.nodes)
    if order.policy is not None:
        yield f"{name} is {order.policy.value} from now on: {_POLICIES[order.policy.value]}"
    if nodes:
        what = f"{_DONE[order.is_vouch, order.says]} {counted(len(nodes), 'node')} in {name}"
        yield f"{what}, until {format_moment(order.expires_at)}"


_DONE: Final = {
    (False, "member"): "listed",
    (False, "voucher"): "made vouchers of",
    (False, "curator"): "made curators of",
    (False, "revoked"): "revoked",
    (True, "member"): "vouching for",
    (True, "revoked"): "no longer vouching for",
}
