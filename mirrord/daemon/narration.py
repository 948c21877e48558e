"""What the daemon does, as log lines: the effects and events that an operator would want to read.

The core logs nothing; here each effect that matters becomes one line with its fields.
"""

from typing import Final
from urllib.parse import urlsplit

import structlog

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import ShardKey, to_short_text, to_text
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.wire.messages import Goodbye, GoodbyeCode
from mirrord.times import format_moment

_log: structlog.stdlib.BoundLogger = structlog.get_logger("mirrord")

_QUIET_CODES: Final = (GoodbyeCode.DUPLICATE, GoodbyeCode.STOPPING)


def narrate_event(event: ev.Event) -> None:
    """Log what happened, where it matters to people."""
    match event:
        case ev.SessionOpened(_, peer, dialled):
            _log.debug("session opened", peer=to_short_text(peer), dialled=str(dialled) if dialled else None)
        case ev.SessionClosed(session, detail):
            _log.debug("session closed", session=session, detail=detail)
        case ev.MessageReceived(session, Goodbye(code, reason)):
            level = _log.debug if code in _QUIET_CODES else _log.info
            level("peer says goodbye", session=session, code=code.name.lower(), reason=reason)
        case ev.DialFailed(address, detail):
            _log.debug("dial failed", address=str(address), detail=detail)
        case ev.AddressesFound(addresses, source):
            _log.debug("addresses found", source=source.value, addresses=[str(address) for address in addresses])
        case ev.TrackerScraped(tracker, shards, None, detail):
            # The rest of the address may be a secret between the tracker and the operator.
            _log.info("a tracker does not answer", tracker=urlsplit(tracker).hostname, detail=detail, asked=len(shards))
        case ev.HoldingVerified(shard):
            _log.info("shard verified", **_fields(shard))
        case ev.HoldingFailed(shard, bad_pieces):
            _log.warning("shard is not whole on disk", bad_pieces=bad_pieces, **_fields(shard))
        case ev.FetchFailed(shard, detail):
            _log.warning("fetch failed", detail=detail, **_fields(shard))
        case ev.DiskFilled(detail):
            _log.error("disk full: fetching stops, seeding goes on", detail=detail)
        case ev.CollectionJoined(collection):
            _log.info("collection joined", collection=to_short_text(collection))
        case ev.CollectionLeft(collection, _, leaving_by):
            if leaving_by:
                until = format_moment(leaving_by)
                _log.info("leaving a collection", collection=to_short_text(collection), seeds_until=until)
            else:
                _log.info("collection left", collection=to_short_text(collection))
        case _:
            pass  # the others are the daily bread; statistics count them


def narrate_effect(effect: ef.Effect) -> None:
    """Log what the node decided, where it matters to people."""
    match effect:
        case ef.FetchShard(shard, name, _, members):
            _log.info("fetching", name=name, members=len(members), **_fields(shard))
        case ef.RemoveShard(shard, name, _, delete_files):
            _log.info("letting go", name=name, delete_files=delete_files, **_fields(shard))
        case ef.CloseSession(session, code, reason):
            level = _log.debug if code in _QUIET_CODES else _log.info
            level("closing session", session=session, code=code.name.lower(), reason=reason)
        case ef.Warn(message, offset_seconds):
            _log.warning(message, **({} if offset_seconds is None else {"ahead_seconds": round(offset_seconds)}))
        case ef.PersistRecord(RecordKey(Kind.EQUIVOCATION, node)):
            _log.warning("a node signed two announcements with one sequence: it counts no more", node=to_text(node))
        case ef.ReportStanding(collection, _, True):
            _log.info("this node counts in the collection now", collection=to_short_text(collection))
        case ef.ReportStanding(collection, node, False):
            what = f"ask its curator to run: mirrord collection admit {to_text(collection)} {to_text(node)}"
            text = "this node does not count in the collection: it reads and seeds, but claims nothing"
            _log.warning(text, collection=to_short_text(collection), to_do=what)
        case ef.SeekPeers(rendezvous, port, announce):
            _log.debug("looking for peers", rendezvous=rendezvous.hex(), port=port, announce=announce)
        case ef.ResumeFetching():
            _log.info("there is room again: fetching goes on")
        case ef.StoreBlob(sha256, data):
            _log.debug("blob fetched", sha256=to_short_text(sha256), bytes=len(data))
        case _:
            pass


def _fields(shard: ShardKey) -> dict[str, object]:
    return {"collection": to_short_text(shard.collection), "shard": int(shard.index)}
