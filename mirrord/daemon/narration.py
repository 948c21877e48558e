"""What the daemon does, in words: log lines for who runs it, and what happened for who only wants to know.

The core logs nothing; here each effect and event that matters becomes one line with its fields.  Some lines say it
once more as a sentence, which goes to the :class:`Happenings`; chatter among nodes never does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import structlog

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import CollectionId, ShardKey, to_short_text, to_text
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.wire.messages import Goodbye, GoodbyeCode
from mirrord.core.wording import counted, format_size
from mirrord.daemon.happenings import Happenings
from mirrord.daemon.naming import Names
from mirrord.daemon.turns import tell_turn
from mirrord.times import format_moment

_log: structlog.stdlib.BoundLogger = structlog.get_logger("mirrord")

_QUIET_CODES: Final = (GoodbyeCode.DUPLICATE, GoodbyeCode.STOPPING)

_LOGGED_AS_VERIFIED: Final = (ef.ShardTurn.FETCHED, ef.ShardTurn.MENDED, ef.ShardTurn.CHECKED)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log, and the same as a sentence where people should read it without one; either may be empty."""

    level: str
    event: str
    fields: Mapping[str, object]
    sentence: str


def _line(level: str, event: str, sentence: str = "", **fields: object) -> Line:
    return Line(level, event, fields, sentence)


def _only(sentence: str) -> Line:
    """Return what the log does not say, or says in its own way."""
    return Line("info", "", {}, sentence)


class Narrator:
    """Logs what matters of events and effects, and keeps what is for people."""

    def __init__(self, names: Names, happenings: Happenings) -> None:
        self._names = names
        self._happenings = happenings

    def narrate_event(self, event: ev.Event) -> None:
        """Say what happened; call it before the node takes the event."""
        self._say(_chatter(event) or _line_of_event(event, self._names))

    def narrate_effect(self, effect: ef.Effect) -> None:
        """Say what the node decided."""
        names = self._names
        self._say(_line_of_effect(effect, names) or _line_of_memory(effect, names) or _line_of_report(effect, names))

    def _say(self, line: Line | None) -> None:
        if line is None:
            return
        if line.event:
            level: Callable[..., object] = getattr(_log, line.level)
            level(line.event, **line.fields)
        if line.sentence:
            self._happenings.add(line.sentence)


def _chatter(event: ev.Event) -> Line | None:
    """Return what is said of peers, for who looks for a fault."""
    match event:
        case ev.SessionOpened(_, peer, dialled):
            return _line("debug", "session opened", peer=to_short_text(peer), dialled=str(dialled) if dialled else None)
        case ev.SessionClosed(session, detail):
            return _line("debug", "session closed", session=session, detail=detail)
        case ev.MessageReceived(session, Goodbye(code, reason)):
            return _line(_level_of(code), "peer says goodbye", session=session, code=code.name.lower(), reason=reason)
        case ev.DialFailed(address, detail):
            return _line("debug", "dial failed", address=str(address), detail=detail)
        case ev.AddressesFound(addresses, source):
            found = [str(address) for address in addresses]
            return _line("debug", "addresses found", source=source.value, addresses=found)
        case _:
            return None


def _line_of_event(event: ev.Event, names: Names) -> Line | None:
    match event:
        case ev.TrackerScraped(tracker, shards, None, detail):
            # The rest of the address may be a secret between the tracker and the operator.
            host = urlsplit(tracker).hostname
            sentence = f"the tracker {host} does not answer: {detail}"
            return _line("info", "a tracker does not answer", sentence, tracker=host, detail=detail, asked=len(shards))
        case ev.HoldingVerified(shard):
            return _line("info", "shard verified", "", **_fields(shard))
        case ev.HoldingFailed(shard, bad_pieces):
            sentence = f"{names.shard(shard)} is not whole on disk: {counted(bad_pieces, 'bad piece')}"
            return _line("warning", "shard is not whole on disk", sentence, bad_pieces=bad_pieces, **_fields(shard))
        case ev.FetchFailed(shard, detail):
            sentence = f"{names.shard(shard)} has failed: {detail}"
            return _line("warning", "fetch failed", sentence, detail=detail, **_fields(shard))
        case ev.DiskFilled(detail):
            return _line("error", "disk full: fetching stops, seeding goes on", detail=detail)
        case ev.CollectionJoined(collection):
            return _line("info", "collection joined", collection=to_short_text(collection))
        case ev.CollectionLeft(collection, _, leaving_by) if leaving_by:
            until = format_moment(leaving_by)
            return _line("info", "leaving a collection", collection=to_short_text(collection), seeds_until=until)
        case ev.CollectionLeft(collection):
            return _line("info", "collection left", collection=to_short_text(collection))
        case ev.PledgeChanged(pledge_bytes):
            return _only(f"the pledge is {format_size(pledge_bytes)} now")
        case ev.ListeningStarted(coordination):
            return _only(f"listening on {', '.join(str(address) for address in coordination) or 'no address'}")
        case _:
            return None  # the others are the daily bread; statistics count them


def _line_of_effect(effect: ef.Effect, names: Names) -> Line | None:
    match effect:
        case ef.FetchShard(shard, name, _, members):
            sentence = f"fetching {names.shard(shard)}, {names.size(shard)}"
            return _line("info", "fetching", sentence, name=name, members=len(members), **_fields(shard))
        case ef.RemoveShard(shard, name, _, delete_files):
            return _line("info", "letting go", "", name=name, delete_files=delete_files, **_fields(shard))
        case ef.CloseSession(session, code, reason):
            return _line(_level_of(code), "closing session", session=session, code=code.name.lower(), reason=reason)
        case ef.SeekPeers(rendezvous, port, announce):
            return _line("debug", "looking for peers", rendezvous=rendezvous.hex(), port=port, announce=announce)
        case ef.PauseFetching():
            return _only("the disk is full: fetching is paused, seeding goes on")
        case ef.ResumeFetching():
            text = "there is room again: fetching goes on"
            return _line("info", text, text)
        case ef.StoreBlob(sha256, data):
            return _line("debug", "blob fetched", sha256=to_short_text(sha256), bytes=len(data))
        case _:
            return None


def _line_of_memory(effect: ef.Effect, names: Names) -> Line | None:
    """Return what a change of the node's memory tells."""
    match effect:
        case ef.PersistRecord(RecordKey(Kind.EQUIVOCATION, node)):
            event = "a node signed two announcements with one sequence: it counts no more"
            sentence = f"node {to_short_text(node)} contradicted itself and counts no more"
            return _line("warning", event, sentence, node=to_text(node))
        case ef.PersistRecord(RecordKey(Kind.MANIFEST_HEAD, subject), version):
            collection = CollectionId(subject)
            sentence = f"version {version} of {names.collection(collection)} is here"
            return _line("info", "a manifest is here", sentence, version=version, collection=to_short_text(collection))
        case ef.PersistCollection(collection, _, parting_until) if parting_until:
            return _only(f"left {names.collection(collection)}")
        case ef.PersistCollection(collection, leaving_by=leaving_by) if leaving_by:
            return _only(f"leaving {names.collection(collection)}: seeds until {format_moment(leaving_by)} at most")
        case ef.PersistCollection(collection):
            return _only(f"joined {names.collection(collection)}")
        case _:
            return None


def _line_of_report(effect: ef.Effect, names: Names) -> Line | None:
    """Return what the core itself wants the operator to know."""
    match effect:
        case ef.Warn(message, None):
            return _line("warning", message, message)
        case ef.Warn(message, offset_seconds):
            return _line("warning", message, message, ahead_seconds=round(offset_seconds or 0.0))
        case ef.ReportStanding(collection, _, True):
            sentence = f"this node counts in {names.collection(collection)} now"
            event = "this node counts in the collection now"
            return _line("info", event, sentence, collection=to_short_text(collection))
        case ef.ReportStanding(collection, node):
            what = f"ask its curator to run: mirrord collection admit {to_text(collection)} {to_text(node)}"
            event = "this node does not count in the collection: it reads and seeds, but claims nothing"
            sentence = f"this node does not count in {names.collection(collection)}: it claims nothing there"
            return _line("warning", event, sentence, collection=to_short_text(collection), to_do=what)
        case ef.ReportShard(shard, turn):
            event = "" if turn in _LOGGED_AS_VERIFIED else f"shard {turn.value}"
            return _line("info", event, tell_turn(effect, names), **_fields(shard))
        case ef.ReportCoverage(collection, text, is_worse, is_urgent):
            sentence = f"{names.collection(collection)}: {text}"
            level = "warning" if is_urgent else "info"
            return _line(level, text, sentence, collection=to_short_text(collection), is_worse=is_worse)
        case _:
            return None


def _level_of(code: GoodbyeCode) -> str:
    return "debug" if code in _QUIET_CODES else "info"


def _fields(shard: ShardKey) -> dict[str, object]:
    return {"collection": to_short_text(shard.collection), "shard": int(shard.index)}
