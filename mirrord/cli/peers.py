"""``mirrord peers``: who else is there."""

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket
from mirrord.cli.output import print_json, print_lines, say
from mirrord.cli.table import Cell, Column, own_screen, table_lines
from mirrord.cli.text import format_age
from mirrord.control.shapes import Peers, PeerShape
from mirrord.sizes import format_size

_SHORT = 8
_STYLES = {"alive": "green", "away": "yellow", "gone": "dim"}
_ORDER = ("alive", "away", "gone")
_COLUMNS = (
    Column("peer"),
    Column("state"),
    Column("seen", right=True),
    Column("holds", right=True),
    Column("pledge", right=True),
    Column("free", right=True),
    Column("address", flexible=True),
    Column("operator", flexible=True),
)


def peers(folder: Folder = None, socket: Socket = None, as_json: Json = False) -> None:
    """List the other nodes that this one knows; `*` marks an open session."""
    answer = client_for(folder, socket).get("peers", Peers)
    if as_json:
        print_json(answer)
        return
    known = sorted(answer.peers, key=lambda peer: (_rank(peer), not peer.connected, peer.silent_seconds, peer.id))
    if known:
        print_lines(table_lines(own_screen(), _COLUMNS, [_row(peer) for peer in known]))
    else:
        say("no other node is known yet")


def _rank(peer: PeerShape) -> int:
    return _ORDER.index(peer.liveness) if peer.liveness in _ORDER else len(_ORDER)


def _row(peer: PeerShape) -> list[Cell | str]:
    return [
        peer.id[:_SHORT],
        Cell(peer.liveness + ("*" if peer.connected else ""), _STYLES.get(peer.liveness, "")),
        format_age(peer.silent_seconds),
        f"{peer.holdings:,}",
        format_size(peer.pledge_bytes),
        format_size(peer.free_bytes),
        peer.addresses[0] if peer.addresses else "-",
        peer.operator or "-",
    ]
