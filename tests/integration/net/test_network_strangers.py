"""Who does not belong gets nowhere, is counted by reason, and never keeps an honest node out."""

import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from loopback import (
    LOOPBACK,
    Node,
    assert_lets_in,
    identity_context,
    read_messages,
    running,
    seed_of,
    sound_identity,
    stranger,
    tcp,
    wait_for_end,
)

from mirrord.core.events import DialFailed, SessionOpened
from mirrord.core.records.ids import Address
from mirrord.core.wire.messages import Goodbye, GoodbyeCode
from mirrord.net.certificate import AUTHORITY_SEED, authority_certificate
from mirrord.net.handshake import HandshakeFailure
from mirrord.net.reached import NetLimit
from mirrord.net.settings import Patience

FOREIGN_SEED = bytes([200]) * 32
STRANGER = 66


def certificate_for(
    subject_seed: bytes, *, authority_seed: bytes = AUTHORITY_SEED, issuer: x509.Name | None = None, serial: int = 2
) -> bytes:
    """A leaf (PEM) made by a foreign library: sound X.509, but not the one that a key determines."""
    authority = x509.load_der_x509_certificate(authority_certificate())
    builder = x509.CertificateBuilder(
        issuer_name=issuer or authority.subject,
        subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mirrord node")]),
        public_key=Ed25519PrivateKey.from_private_bytes(subject_seed).public_key(),
        serial_number=serial,
        not_valid_before=datetime.datetime(1970, 1, 1),
        not_valid_after=datetime.datetime(9999, 12, 31, 23, 59, 59),
    )
    signed = builder.sign(Ed25519PrivateKey.from_private_bytes(authority_seed), None)
    return signed.public_bytes(Encoding.PEM)


def key_pem(seed: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def own_authority_name() -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mirrord node")])


async def turned_away(called: Node, reason: HandshakeFailure, attempt: Callable[[], Awaitable[None]]) -> None:
    """``attempt`` opens no session, is counted once for ``reason``, and the door stays open."""
    before = called.network.statistics().handshakes_failed
    await attempt()  # it has seen the end of its connection, and the count comes before that
    after = called.network.statistics().handshakes_failed
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {reason: 1}
    assert not called.all_of(SessionOpened)
    await assert_lets_in(called)


STRANGERS = {
    "no certificate": (None, None, HandshakeFailure.NO_CERTIFICATE),
    "self-signed": (
        certificate_for(FOREIGN_SEED, authority_seed=FOREIGN_SEED, issuer=own_authority_name()),
        key_pem(FOREIGN_SEED),
        HandshakeFailure.FOREIGN_CERTIFICATE,
    ),
    "another authority of the same name": (
        certificate_for(seed_of(STRANGER), authority_seed=FOREIGN_SEED),
        key_pem(seed_of(STRANGER)),
        HandshakeFailure.FOREIGN_CERTIFICATE,
    ),
    "right authority and key, other serial number": (
        certificate_for(seed_of(STRANGER), serial=3),
        key_pem(seed_of(STRANGER)),
        HandshakeFailure.WRONG_CERTIFICATE,
    ),
    "right authority and key, no extensions": (
        certificate_for(seed_of(STRANGER)),
        key_pem(seed_of(STRANGER)),
        HandshakeFailure.WRONG_CERTIFICATE,
    ),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_client_without_the_right_certificate_gets_nowhere(who: str, tmp_path: Path) -> None:
    certificate, key, reason = STRANGERS[who]
    context = identity_context(tmp_path, certificate=certificate, key=key)

    async def scenario() -> None:
        async with running(1) as called:

            async def attempt() -> None:
                stream = await stranger(called.address, context)
                await wait_for_end(stream)
                await trio.aclose_forcefully(stream)

            await turned_away(called, reason, attempt)

    trio.run(scenario)


def test_a_client_whose_certificate_is_not_its_keys_one_is_told(tmp_path: Path) -> None:
    certificate, key, _ = STRANGERS["right authority and key, other serial number"]
    context = identity_context(tmp_path, certificate=certificate, key=key)

    async def scenario() -> None:
        async with running(1) as called:
            stream = await stranger(called.address, context)
            (goodbye,) = await read_messages(stream)
            assert isinstance(goodbye, Goodbye) and goodbye.code is GoodbyeCode.PROTOCOL
            assert "certificate" in goodbye.reason
            await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_a_stolen_certificate_without_its_key_proves_nothing(tmp_path: Path) -> None:
    """OpenSSL refuses to load the pair, so the thief cannot even start; TLS would stop him later."""
    victims_certificate, _ = sound_identity(5)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        identity_context(tmp_path, certificate=victims_certificate, key=key_pem(FOREIGN_SEED))


def test_tls_1_2_is_refused(tmp_path: Path) -> None:
    certificate, key = sound_identity(STRANGER)
    context = identity_context(tmp_path, certificate=certificate, key=key, maximum=ssl.TLSVersion.TLSv1_2)

    async def scenario() -> None:
        async with running(1) as called:

            async def attempt() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await stranger(called.address, context)

            await turned_away(called, HandshakeFailure.TLS_VERSION, attempt)

    trio.run(scenario)


@pytest.mark.parametrize("alpn", [None, "h2", "mirrord/2"])
def test_another_protocol_is_refused_by_both_sides(alpn: str | None, tmp_path: Path) -> None:
    certificate, key = sound_identity(STRANGER)
    client = identity_context(tmp_path, certificate=certificate, key=key, alpn=alpn)
    server = identity_context(tmp_path, certificate=certificate, key=key, alpn=alpn, server_side=True)

    async def scenario() -> None:
        async with running(1) as called:

            async def attempt() -> None:
                stream = await stranger(called.address, client)
                assert await read_messages(stream) == []
                await trio.aclose_forcefully(stream)

            await turned_away(called, HandshakeFailure.OTHER_PROTOCOL, attempt)
        async with running(2, listen=()) as caller, serving(server) as address:
            caller.dial(address)
            assert "peer does not speak mirrord/1" in (await caller.wait_for(DialFailed)).detail

    trio.run(scenario)


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"\x00" * 4096, HandshakeFailure.NOT_TLS),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", HandshakeFailure.NOT_TLS),
        (b"\x13BitTorrent protocol" + bytes(48), HandshakeFailure.NOT_TLS),
        (b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000, HandshakeFailure.NOT_TLS),
        (b"\x16\x03\x01\x00\x05\x01", HandshakeFailure.HUNG_UP),
        (b"", HandshakeFailure.HUNG_UP),
    ],
    ids=["zeros", "http", "bittorrent", "endless record", "torn hello", "nothing"],
)
def test_garbage_is_counted_and_changes_nothing(garbage: bytes, reason: HandshakeFailure) -> None:
    async def scenario() -> None:
        async with running(1) as called:

            async def attempt() -> None:
                async with await tcp(called.address) as stream:
                    with suppress(trio.BrokenResourceError):  # it may be refused before all is sent
                        if garbage:
                            await stream.send_all(garbage)
                        await stream.send_eof()
                    await wait_for_end(stream)

            await turned_away(called, reason, attempt)

    trio.run(scenario)


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Address]:
    """A TLS server that is no mirrord node: shakes hands and says nothing."""

    async def handle(tcp_stream: trio.SocketStream) -> None:
        stream = trio.SSLStream(tcp_stream, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            return
        await wait_for_end(stream)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield Address("127.0.0.1", listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("who", [name for name in STRANGERS if name != "no certificate"])
def test_a_server_without_the_right_certificate_is_never_a_session(who: str, tmp_path: Path) -> None:
    certificate, key, reason = STRANGERS[who]
    context = identity_context(tmp_path, certificate=certificate, key=key, server_side=True)

    async def scenario() -> None:
        async with running(1, listen=()) as caller, serving(context) as address:
            caller.dial(address)
            assert "certificate" in (await caller.wait_for(DialFailed)).detail
            assert caller.network.statistics().handshakes_failed[reason] == 1
            assert not caller.all_of(SessionOpened)

    trio.run(scenario)


def test_a_server_that_asks_for_no_certificate_still_has_to_show_its_own(tmp_path: Path) -> None:
    certificate, key = sound_identity(STRANGER)
    context = identity_context(tmp_path, certificate=certificate, key=key, server_side=True)
    assert context.verify_mode is ssl.CERT_NONE

    async def scenario() -> None:
        async with running(1, listen=()) as caller, serving(context) as address:
            caller.dial(address)
            opened = await caller.wait_for(SessionOpened)  # it proved its key, which is all we ask
            caller.close(opened.session, GoodbyeCode.VERSION, "")
            await caller.wait_closed(opened.session)

    trio.run(scenario)


def test_half_open_connections_keep_no_honest_node_out_and_are_all_dropped() -> None:
    async def scenario() -> None:
        patience = Patience(handshake_seconds=1.0)
        async with running(1, listen=(LOOPBACK,), patience=patience) as called:
            flood = [await tcp(called.address) for _ in range(200)]
            await assert_lets_in(called)
            assert called.network.statistics().handshakes_pending <= 64
            assert called.reached(NetLimit.HANDSHAKES_MAX) >= 200 - 64
            assert not called.reached(NetLimit.HANDSHAKES_PER_SECOND)  # who says nothing takes no turn
            for stream in flood:
                await wait_for_end(stream)
                await trio.aclose_forcefully(stream)
            failed = called.network.statistics().handshakes_failed
            assert failed[HandshakeFailure.CROWDED_OUT] + failed[HandshakeFailure.TOO_SLOW] == 200
            assert failed[HandshakeFailure.CROWDED_OUT] >= 200 - 64
            assert called.network.statistics().handshakes_pending == 0

    trio.run(scenario)


def test_a_client_that_dribbles_its_hello_is_cut_off_in_time() -> None:
    async def scenario() -> None:
        patience = Patience(handshake_seconds=0.4)
        async with running(1, patience=patience) as called, await tcp(called.address) as stream:
            began = trio.current_time()
            for part in (b"\x16", b"\x03\x01", b"\x02\x00", b"\x01\x00\x01\xfc\x03\x03", bytes(100)):
                await stream.send_all(part)
            await wait_for_end(stream)
            assert 0.3 < trio.current_time() - began < 2
            assert called.network.statistics().handshakes_failed[HandshakeFailure.TOO_SLOW] == 1
            await assert_lets_in(called)

    trio.run(scenario)
