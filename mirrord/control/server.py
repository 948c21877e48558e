"""The control interface as a server: who may ask what, and who answers.

Whoever can open the socket (its mode lets the daemon's user and group) may look; only the daemon's
own user and root may change anything.  The kernel says who is calling, so there is no password.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.control.answers import answer, failure, not_found, parse_wish, refuse_in_json, wrong_method
from mirrord.control.api import ControlApi
from mirrord.control.coverage_answer import COLUMNS, COLUMNS_MAX, coverage_answer, events_answer
from mirrord.control.errors import UnknownCollectionError
from mirrord.control.lookup import chosen_collections, chosen_shards, find_collection, held_shards
from mirrord.control.members_answer import members_answer
from mirrord.control.plan_answer import plan_answer
from mirrord.control.shapes import Done, Health, Shape
from mirrord.control.snapshot import (
    collections_from_statistics,
    peers_from_statistics,
    shards_from_statistics,
    status_from_statistics,
)
from mirrord.control.socket import control_listener, own_uid
from mirrord.control.wishes import (
    AdmitWish,
    AdoptWish,
    ImportWish,
    JoinWish,
    LeaveWish,
    PledgeWish,
    PortWish,
    SignWish,
    StopWish,
    VerifyWish,
)
from mirrord.core.errors import DeniedError, MirrordError, UsageError
from mirrord.core.records.ids import CollectionId, NodeId, from_text, to_text
from mirrord.core.records.kinds import Grant
from mirrord.core.statistics import Statistics
from mirrord.http.messages import KIB, HttpLimits, Request, Response
from mirrord.http.server import serve_http
from mirrord.sizes import SIZE_MAX_BYTES

LIMITS: Final = HttpLimits(
    body_bytes=1024 * KIB,  # the indexes of 100,000 shards
    connections=32,
    handle_seconds=300.0,  # an import reads thousands of .torrents
)

LEAVE_WITHIN_MAX_SECONDS: Final = 366 * 86_400
"""Whoever wants to stay for longer does not want to leave."""

_GRANTS: Final = {"member": Grant.MEMBER, "voucher": Grant.VOUCHER, "revoked": Grant.REVOKED}

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_Answering = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    answer: _Answering


class ControlServer:
    """Answers requests by asking ``api``; holds nothing of its own."""

    def __init__(self, api: ControlApi, version: str, admin_uid: int) -> None:
        self._api = api
        self._version = version
        self._admins = {0, admin_uid}
        self._routes = {
            "/v1/health": _Route("GET", self._health),
            "/v1/status": _Route("GET", self._status),
            "/v1/peers": _Route("GET", self._peers),
            "/v1/collections": _Route("GET", self._collections),
            "/v1/shards": _Route("GET", self._shards),
            "/v1/coverage": _Route("GET", self._coverage),
            "/v1/events": _Route("GET", self._events),
            "/v1/plan": _Route("GET", self._plan),
            "/v1/collections/join": _Route("POST", self._join),
            "/v1/collections/import": _Route("POST", self._import),
            "/v1/members": _Route("GET", self._members),
            "/v1/collections/admit": _Route("POST", self._admit),
            "/v1/collections/sign": _Route("POST", self._sign),
            "/v1/collections/leave": _Route("POST", self._leave),
            "/v1/shards/verify": _Route("POST", self._verify),
            "/v1/shards/adopt": _Route("POST", self._adopt),
            "/v1/pledge": _Route("POST", self._set_pledge),
            "/v1/port": _Route("POST", self._set_port),
            "/v1/stop": _Route("POST", self._stop),
        }

    async def handle(self, request: Request) -> Response:
        """Answer one request; what is not a MirrordError is a bug and the HTTP server's to report."""
        route = self._routes.get(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        if route is None:
            return not_found(request.path)
        if method != route.method:
            return wrong_method(route.method)
        try:
            if route.method == "POST":
                self._check_admin(request)
            return await route.answer(request)
        except MirrordError as error:
            _log.info("control request refused", path=request.path, code=error.code, detail=error.message)
            return failure(error)

    def _check_admin(self, request: Request) -> None:
        caller = request.caller
        if caller is None or caller.uid not in self._admins:
            uid = "unknown" if caller is None else caller.uid
            message = f"user {uid} may look at this daemon, but not change it"
            raise DeniedError(message, "run this as the user that runs the daemon, or as root")
        _log.info("control request", path=request.path, uid=caller.uid, pid=caller.pid)

    async def _shaped(self, make: Callable[[Statistics], Shape]) -> Response:
        """Take the snapshot here, in the loop; shape and encode it in a thread."""
        statistics = self._api.statistics()
        return await trio.to_thread.run_sync(lambda: answer(make(statistics)))

    async def _health(self, request: Request) -> Response:
        return answer(Health(status="ok"))

    async def _status(self, request: Request) -> Response:
        engine = self._api.transfer()
        return await self._shaped(lambda statistics: status_from_statistics(statistics, engine, self._version))

    async def _peers(self, request: Request) -> Response:
        return await self._shaped(peers_from_statistics)

    async def _collections(self, request: Request) -> Response:
        wanted = request.query.get("collection", "")
        return await self._shaped(
            lambda statistics: collections_from_statistics(statistics, chosen_collections(statistics, wanted))
        )

    async def _shards(self, request: Request) -> Response:
        collection, shard = request.query.get("collection", ""), request.query.get("shard", "")
        return await self._shaped(
            lambda statistics: shards_from_statistics(statistics, chosen_shards(statistics, collection, shard))
        )

    async def _coverage(self, request: Request) -> Response:
        wanted, columns = request.query.get("collection", ""), _columns(request.query.get("columns", ""))
        return await self._shaped(
            lambda statistics: coverage_answer(statistics, chosen_collections(statistics, wanted), columns)
        )

    async def _events(self, request: Request) -> Response:
        happenings = self._api.happenings()
        return await self._shaped(lambda statistics: events_answer(statistics.at, happenings))

    async def _plan(self, request: Request) -> Response:
        collection, shard = request.query.get("collection", ""), request.query.get("shard", "")
        pledge_bytes = _pledge(request.query.get("pledge_bytes", ""))
        reasons = self._api.reasons(pledge_bytes)
        return await self._shaped(
            lambda statistics: plan_answer(
                statistics, chosen_shards(statistics, collection, shard), reasons, pledge_bytes
            )
        )

    async def _join(self, request: Request) -> Response:
        wish = parse_wish(request.body, JoinWish)
        return self._joined("joined", await self._api.join(wish.invitation))

    async def _import(self, request: Request) -> Response:
        wish = parse_wish(request.body, ImportWish)
        adopt = _folder(wish.adopt) if wish.adopt else None
        return self._joined("joined", await self._api.import_collection(_folder(wish.path), adopt))

    def _joined(self, done: str, collection: CollectionId) -> Response:
        names = [each.name for each in self._api.statistics().collections if each.collection == collection]
        return answer(Done(done=done, collection=to_text(collection), name=names[0] if names else ""))

    async def _leave(self, request: Request) -> Response:
        wish = parse_wish(request.body, LeaveWish)
        collection = find_collection(self._api.statistics(), wish.collection)
        if not 0 <= wish.within_seconds <= LEAVE_WITHIN_MAX_SECONDS:
            days = wish.within_seconds / 86_400
            raise UsageError(f"a leave cannot take {days:,.0f} days", "give a year at most, as in --within 14d")
        await self._api.leave(collection.collection, wish.delete_files, wish.within_seconds)
        joined = {each.collection: each for each in self._api.statistics().collections}
        leaving_by = joined[collection.collection].leaving_by if collection.collection in joined else 0
        return answer(
            Done(
                done="leaving" if leaving_by else "left",
                collection=to_text(collection.collection),
                name=collection.name,
                leaving_by=leaving_by,
            )
        )

    async def _members(self, request: Request) -> Response:
        collection = find_collection(self._api.statistics(), request.query.get("collection", ""))
        roll = self._api.roll(collection.collection)
        if roll is None:
            raise UnknownCollectionError("that collection has just been left", "join it again")
        return await self._shaped(lambda statistics: members_answer(statistics, collection, roll))

    async def _admit(self, request: Request) -> Response:
        wish = parse_wish(request.body, AdmitWish)
        await self._api.import_admissions(wish.envelopes)
        return answer(Done(done="admitted"))

    async def _sign(self, request: Request) -> Response:
        wish = parse_wish(request.body, SignWish)
        collection = find_collection(self._api.statistics(), wish.collection)
        grant = _GRANTS.get(wish.says)
        if grant is None:
            raise UsageError(f"{wish.says[:40]!r} is nothing to say of a node", f"say one of {', '.join(_GRANTS)}")
        nodes = tuple(NodeId(from_text(node)) for node in wish.nodes)
        await self._api.sign_admissions(collection.collection, nodes, grant, wish.expires_at, wish.quota)
        return answer(Done(done="signed", collection=to_text(collection.collection), name=collection.name))

    async def _verify(self, request: Request) -> Response:
        wish = parse_wish(request.body, VerifyWish)
        if wish.shards and not wish.collection:
            raise UsageError("shards of which collection?", "name the collection, too")
        collections = chosen_collections(self._api.statistics(), wish.collection)
        chosen = [(each, held_shards(each, wish.shards)) for each in collections]
        for collection, shards in chosen:
            if shards:
                await self._api.verify(collection.collection, tuple(shard.index for shard in shards))
        asked = tuple(
            (to_text(collection.collection), int(shard.index)) for collection, shards in chosen for shard in shards
        )
        return answer(Done(done="checking", shards=asked))

    async def _adopt(self, request: Request) -> Response:
        wish = parse_wish(request.body, AdoptWish)
        collection = find_collection(self._api.statistics(), wish.collection)
        found = await self._api.adopt(collection.collection, _folder(wish.folder))
        identity = to_text(collection.collection)
        shards = tuple((identity, int(index)) for index in found)
        return answer(Done(done="adopted", collection=identity, name=collection.name, shards=shards))

    async def _set_pledge(self, request: Request) -> Response:
        wish = parse_wish(request.body, PledgeWish)
        if wish.pledge_bytes < 0:
            raise UsageError("a pledge cannot be negative", "0 gives everything back")
        await self._api.set_pledge(wish.pledge_bytes)
        return answer(Done(done="pledged"))

    async def _set_port(self, request: Request) -> Response:
        wish = parse_wish(request.body, PortWish)
        if not wish.coordination and not wish.bittorrent:
            raise UsageError("no port was given", "give one for peers, or one for swarm members")
        await self._api.set_port(wish.coordination, wish.bittorrent)
        return answer(Done(done="listening"))

    async def _stop(self, request: Request) -> Response:
        parse_wish(request.body, StopWish)
        await self._api.stop()
        return answer(Done(done="stopping"))


def _pledge(text: str) -> int | None:
    """Return the pledge that a question supposes, None where it supposes none."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= SIZE_MAX_BYTES):
        raise UsageError(f"{text[:40]!r} is not a pledge in bytes", "give a whole number: ?pledge_bytes=2000000000000")
    return int(text) if text else None


def _columns(text: str) -> int:
    """Return how many columns a heat map should have."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= COLUMNS_MAX):
        raise UsageError(f"{text[:40]!r} is not a number of columns", f"give one from 1 to {COLUMNS_MAX}")
    return int(text) if text else COLUMNS


def _folder(text: str) -> Path:
    if not text.startswith("/") or "\0" in text:
        raise UsageError(f"{text[:80]!r} is not an absolute path", "the daemon does not know where you are")
    return Path(text)


async def serve_control(
    path: Path,
    api: ControlApi,
    *,
    version: str,
    admin_uid: int | None = None,
    limits: HttpLimits = LIMITS,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``api`` on a unix socket at ``path`` until ``stop`` is set; started once it listens.

    ``admin_uid`` None: this process's own user.  Raises ConfigError or StorageError where the socket
    cannot be made, before it is started.
    """
    server = ControlServer(api, version, own_uid() if admin_uid is None else admin_uid)
    with control_listener(path) as listener:
        serve = partial(serve_http, [listener], server.handle, limits=limits, refuse=refuse_in_json, stop=stop)
        await serve(task_status=task_status)
