"""The network of one node: its listeners, its dials, its sessions.

Two nurseries.  The *doors* (accepting, handshakes, dials) close at once when the network is
cancelled.  The *rooms* (sessions) are shielded from that, so that every session can still say
goodbye; then they are cut off.

Each ``SessionOpened`` is followed by exactly one ``SessionClosed``, and all ``MessageReceived`` of
the session lie between them.  Only a stop may cut that short, where nobody takes the events any
more.
"""

import itertools
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn, assert_never

import trio

from mirrord.core import limits
from mirrord.core.effects import CloseSession, Dial, ProbeAddress, SendMessage
from mirrord.core.errors import LocalProtocolError
from mirrord.core.events import AddressProbed, DialFailed, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.core.statistics import NetworkStatistics
from mirrord.core.wire.messages import GoodbyeCode
from mirrord.net.budgets import Budgets
from mirrord.net.endpoints import ConnectError, connect, expect_acknowledgements, peer_address, wait_for_first_byte
from mirrord.net.gate import Gate, NetworkName, Place, network_of
from mirrord.net.handshake import HandshakeError, HandshakeFailure, SecureStream, identify, secure
from mirrord.net.listeners import Listeners
from mirrord.net.meter import MeteredStream, Traffic
from mirrord.net.outbox import Queued
from mirrord.net.probing import answers, is_probe, let_go
from mirrord.net.reached import NetLimit
from mirrord.net.session import Deliver, Emit, House, Session, refuse
from mirrord.net.settings import NetworkSettings
from mirrord.net.tls import client_context, node_id_from_seed, probe_context, server_context
from mirrord.net.turnover import Turnover


@dataclass(frozen=True, slots=True)
class _Room:
    """An open session and where it came from; ``dialled`` is None where the peer called us."""

    session: Session
    stream: SecureStream
    dialled: Address | None
    remote: Address | None
    network: NetworkName | None
    opened_at: float


class Network:
    """Carries out the network effects of one node and emits the events that answer them.

    ``seed`` is the node's private key.  ``deliver`` hands the node what peers say, ``emit`` every
    other event; both may wait, which slows the peers down, as it should.
    """

    def __init__(self, settings: NetworkSettings, seed: bytes, emit: Emit, deliver: Deliver) -> None:
        self.node_id: Final = node_id_from_seed(seed)
        self._settings = settings
        self._emit = emit
        self._server_context = server_context(seed)
        self._client_context = client_context(seed)
        self._probe_context = probe_context(seed)
        self._reached: Counter[NetLimit] = Counter()
        self._gate = Gate(self._reached)
        self._budgets = Budgets(self._reached)
        self._turnover = Turnover()
        self._house = House(deliver, settings.patience, Queued(), self._reached)
        self._rooms: dict[SessionId, _Room] = {}
        self._session_numbers = itertools.count(1)
        self._opened_total = 0
        self._dials = 0
        self._dials_begun = 0
        self._breaches = 0
        self._failures: Counter[HandshakeFailure] = Counter()
        self._accept_failures = 0
        self._traffic = Traffic()
        self._listeners = Listeners(self._knocked, self._exhausted)
        self._door_nursery: trio.Nursery | None = None
        self._room_nursery: trio.Nursery | None = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, and keep the sessions until cancelled; then part within ``NETWORK_STOP_SECONDS``.

        Call it once, with ``nursery.start``: after that ``listening`` is set and effects are
        welcome.  Raises :class:`ConfigError` or :class:`ShellError` where an address does not work.
        """
        await self._listeners.open(self._settings.listen)
        rooms_scope = trio.CancelScope(shield=True)
        parting = trio.Event()
        async with trio.open_nursery() as keeper:
            rooms_ready = trio.Event()
            keeper.start_soon(self._keep_rooms, rooms_scope, rooms_ready, parting)
            try:
                await rooms_ready.wait()
                await self._keep_doors(task_status)
            finally:
                self._listeners.close()
                for room in list(self._rooms.values()):
                    room.session.close(GoodbyeCode.STOPPING, "the node stops")
                rooms_scope.deadline = trio.current_time() + limits.NETWORK_STOP_SECONDS
                parting.set()

    async def _keep_doors(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as doors:
            self._door_nursery = doors
            self._listeners.accept_in(doors)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._door_nursery = None  # before the nursery closes, which would refuse new tasks

    async def _keep_rooms(self, scope: trio.CancelScope, ready: trio.Event, parting: trio.Event) -> None:
        """Keep the sessions until ``parting``, and then until the last one has gone or ``scope`` ends."""
        with scope:
            async with trio.open_nursery() as rooms:
                self._room_nursery = rooms
                ready.set()
                await parting.wait()

    def carry_out(self, effect: Dial | ProbeAddress | SendMessage | CloseSession) -> None:
        """Start carrying out an effect; never waits.  What comes of it comes as an event."""
        match effect:
            case Dial(address):
                # No doors: we are stopping, and nobody waits for the answer.
                if self._door_nursery is not None:
                    self._door_nursery.start_soon(self._dial, address, self._may_dial())
            case ProbeAddress():
                if self._door_nursery is not None:
                    self._door_nursery.start_soon(self._probe, effect)
            case SendMessage(session, message):
                # Where the session is gone, its SessionClosed is on its way to the node, which asked
                # for this before it could know.
                if room := self._rooms.get(session):
                    room.session.send(message)
            case CloseSession(session, code, reason):
                if room := self._rooms.get(session):
                    room.session.close(code, reason)
            case _:
                assert_never(effect)

    @property
    def listening(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system chose."""
        return self._listeners.addresses

    async def listen_on(self, addresses: tuple[Address, ...]) -> None:
        """Listen at these addresses from now on; sessions that are open stay.  One call at a time.

        Raises :class:`ConfigError` or :class:`ShellError` where an address does not work; then it
        listens where it did.
        """
        await self._listeners.move(addresses)

    def answer(self, effect: SendMessage) -> None:
        """Send what its receiver asked for, at the receiver's expense; never waits."""
        if room := self._rooms.get(effect.session):
            room.session.send(effect.message, is_answer=True)

    def statistics(self) -> NetworkStatistics:
        """Return a snapshot for people."""
        return NetworkStatistics(
            sessions_open=len(self._rooms),
            sessions_accepted=self._accepted(),
            sessions_slowed=self._budgets.slowed,
            sessions_opened_total=self._opened_total,
            handshakes_pending=len(self._gate),
            handshakes_failed=MappingProxyType({reason.value: self._failures[reason] for reason in HandshakeFailure}),
            protocol_breaches=self._breaches,
            dials_begun=self._dials_begun,
            dials_pending=self._dials,
            accept_failures=self._accept_failures,
            queued_bytes=self._house.queued.size_bytes,
            received_bytes=self._traffic.received_bytes,
            sent_bytes=self._traffic.sent_bytes,
            budgets_tracked=self._budgets.tracked,
            limits_reached=MappingProxyType({limit.value: self._reached[limit] for limit in NetLimit}),
        )

    # --- accepting ---

    def _knocked(self, stream: trio.SocketStream) -> None:
        """Take a connection that was just accepted; the gate decides before a byte is read."""
        if self._door_nursery is None:
            stream.socket.close()  # accepted in the very moment of the stop
            return
        remote = peer_address(stream)
        if remote is None:
            self._failures[HandshakeFailure.HUNG_UP] += 1
            stream.socket.close()
            return
        expect_acknowledgements(stream, self._settings.patience.send_seconds)
        place = self._gate.enter(network_of(remote.host), trio.current_time())
        if place is None:
            self._failures[HandshakeFailure.TOO_OFTEN] += 1
            stream.socket.close()
            return
        self._door_nursery.start_soon(self._answer, stream, remote, place)

    def _exhausted(self) -> None:
        self._accept_failures += 1
        self._gate.make_room()

    async def _answer(self, stream: trio.SocketStream, remote: Address, place: Place) -> None:
        transport = MeteredStream(stream, self._traffic)
        opened = False
        try:
            with place.scope:
                await self._wait_for_word(stream)
                await self._gate.wait_turn()
                opened = await self._answer_securely(transport, remote, place)
            if place.scope.cancelled_caught:
                self._failures[HandshakeFailure.CROWDED_OUT] += 1
        except HandshakeError as error:
            self._failed(error.reason)
        finally:
            self._gate.leave(place)
            if not opened:
                await trio.aclose_forcefully(transport)

    async def _wait_for_word(self, stream: trio.SocketStream) -> None:
        """Let nobody take a turn who has nothing to say: turns are for the work of TLS."""
        seconds = self._settings.patience.handshake_seconds
        if not await wait_for_first_byte(stream, seconds):
            raise HandshakeError(HandshakeFailure.TOO_SLOW, f"not a byte within {seconds:g} s")

    async def _answer_securely(self, transport: MeteredStream, remote: Address, place: Place) -> bool:
        """Do the handshake and open the session; True where the session owns the stream now."""
        patience = self._settings.patience
        stream = await secure(
            transport, self._server_context, server_side=True, timeout_seconds=patience.handshake_seconds
        )
        if is_probe(stream):
            await let_go(stream, patience.goodbye_seconds)
            return False
        try:
            peer = identify(stream)
            self._refuse_ourselves(peer)
            self._refuse_overspent(peer)
            self._refuse_surplus(place.network)
        except HandshakeError as error:
            overloaded = error.reason in (HandshakeFailure.SESSIONS_FULL, HandshakeFailure.OVERSPENT)
            code = GoodbyeCode.OVERLOADED if overloaded else GoodbyeCode.PROTOCOL
            if error.reason is not HandshakeFailure.OTHER_PROTOCOL:  # else it would not understand
                await refuse(stream, code, error.message, patience.goodbye_seconds)
            raise
        self._open(stream, peer, dialled=None, remote=remote, network=place.network)
        return True

    def _failed(self, reason: HandshakeFailure) -> None:
        self._failures[reason] += 1
        self._reached[NetLimit.HANDSHAKE_TIMEOUT_SECONDS] += reason is HandshakeFailure.TOO_SLOW

    def _refuse_overspent(self, peer: NodeId) -> None:
        """Calling again pays no debts."""
        if self._budgets.is_overspent(peer):
            self._reached[NetLimit.PEER_OVERSPENT_SECONDS] += 1
            raise HandshakeError(HandshakeFailure.OVERSPENT, "you have asked too much of this node; come back later")

    def _refuse_ourselves(self, peer: NodeId) -> None:
        if peer == self.node_id:
            raise HandshakeError(HandshakeFailure.OURSELVES, "that is this node itself")

    def _refuse_surplus(self, network: NetworkName | None) -> None:
        """Keep a reserve for the sessions that we open ourselves, and strangers from one place few."""
        accepted = (room for room in self._rooms.values() if room.dialled is None)
        neighbours = sum(1 for room in accepted if network is not None and room.network == network)
        if neighbours >= limits.SESSIONS_PER_NETWORK_MAX:
            self._full(NetLimit.SESSIONS_PER_NETWORK_MAX, f"{neighbours} sessions from {network} are open")
        if self._accepted() >= limits.SESSIONS_MAX - limits.SESSIONS_DIALLED_RESERVE and not self._made_room():
            self._full(NetLimit.SESSIONS_DIALLED_RESERVE, f"all {len(self._rooms)} sessions are in use")
        self._refuse_beyond_all()

    def _made_room(self) -> bool:
        """Part with a peer that called us, for a newcomer's sake; False where it is nobody's turn to leave."""
        guests = [room for room in self._rooms.values() if room.dialled is None]
        leaver = self._turnover.leaver(guests, trio.current_time())
        if leaver is not None:
            leaver.session.close(GoodbyeCode.OVERLOADED, "making room for a newcomer")
        return leaver is not None

    def _refuse_beyond_all(self) -> None:
        if len(self._rooms) >= limits.SESSIONS_MAX:
            self._full(NetLimit.SESSIONS_MAX, f"{len(self._rooms)} sessions are open already")

    def _full(self, limit: NetLimit, detail: str) -> NoReturn:
        self._reached[limit] += 1
        raise HandshakeError(HandshakeFailure.SESSIONS_FULL, detail)

    def _accepted(self) -> int:
        return sum(1 for room in self._rooms.values() if room.dialled is None)

    # --- dialling ---

    def _may_dial(self) -> bool:
        """Reserve a dial, at the time when it is asked for; False where too many are under way."""
        if self._dials >= limits.DIALS_MAX:
            self._reached[NetLimit.DIALS_MAX] += 1
            return False
        self._dials += 1
        self._dials_begun += 1
        return True

    async def _dial(self, address: Address, reserved: bool) -> None:
        detail = f"{limits.DIALS_MAX} dials are under way already"
        if reserved:
            try:
                await self._dial_securely(address)
            except ConnectError as error:
                detail = error.message
            except HandshakeError as error:
                self._failed(error.reason)
                detail = f"{address}: {error.message}"
            else:
                return
            finally:
                self._dials -= 1
        await self._emit(DialFailed(address, detail))

    async def _dial_securely(self, address: Address) -> None:
        """Dial and open the session, or raise."""
        deadline = trio.current_time() + self._settings.patience.handshake_seconds
        source = self._settings.source_address
        tcp = await connect(address, source, timeout_seconds=deadline - trio.current_time())
        expect_acknowledgements(tcp, self._settings.patience.send_seconds)
        transport = MeteredStream(tcp, self._traffic)
        try:
            left_seconds = max(deadline - trio.current_time(), 0.0)
            stream = await secure(transport, self._client_context, server_side=False, timeout_seconds=left_seconds)
            peer = identify(stream)
            self._refuse_ourselves(peer)
            self._refuse_beyond_all()
        except BaseException:  # cancellation too: until the session owns it, the socket is ours to close
            await trio.aclose_forcefully(transport)
            raise
        remote = peer_address(tcp)
        network = network_of(remote.host) if remote is not None else None
        self._open(stream, peer, dialled=address, remote=remote, network=network)

    async def _probe(self, effect: ProbeAddress) -> None:
        reached = await answers(
            effect.address,
            effect.node,
            self._probe_context,
            self._settings.source_address,
            self._settings.patience.handshake_seconds,
            self._traffic,
        )
        await self._emit(AddressProbed(effect.session, effect.address, reached))

    # --- sessions ---

    def _open(
        self,
        stream: SecureStream,
        peer: NodeId,
        dialled: Address | None,
        remote: Address | None,
        network: NetworkName | None,
    ) -> None:
        """Give a secured stream to a new session; from here on that closes it.  Does not wait."""
        if self._room_nursery is None:
            raise LocalProtocolError("a session was opened before the network ran")
        number = SessionId(next(self._session_numbers))
        session = Session(number, peer, stream, self._budgets.of(peer, network), self._house)
        room = _Room(session, stream, dialled, remote, network, trio.current_time())
        self._rooms[number] = room
        self._opened_total += 1
        self._room_nursery.start_soon(self._serve, room)

    async def _serve(self, room: _Room) -> None:
        session = room.session
        try:
            await self._emit(SessionOpened(session.id, session.peer, room.dialled, room.remote))
            detail = await session.run()
        finally:
            self._breaches += session.broke_protocol
            # Gone before SessionClosed is emitted: the node can ask nothing of it any more.
            del self._rooms[session.id]
            await trio.aclose_forcefully(room.stream)  # where the stop came before run(); else a no-op
        await self._emit(SessionClosed(session.id, detail))
