"""Engines that find each other in a real DHT on loopback, and remember it from one run to the next."""

import secrets
from pathlib import Path

import libtorrent as lt
import pytest
import trio
from running_engine import Member, make_shard, member, origin

from mirrord.core.effects import SeekPeers
from mirrord.core.events import AddressesFound, AddressSource
from mirrord.core.records.ids import Address
from mirrord.torrents.dht import load_dht_state, nodes_in
from mirrord.torrents.engine import DhtSettings, EngineSettings
from mirrord.torrents.session_settings import TORRENT_FLAGS, session_settings
from tests.loopback_dht import loopback_dht

LOOPBACK = "127.0.0.1"


def dht_of(folder: Path, *routers: Address) -> DhtSettings:
    return DhtSettings(routers, folder / "dht.state")


async def knows_the_dht(node: Member) -> None:
    await node.wait_until(lambda statistics: statistics.dht_nodes > 0)


async def find(node: Member, effect: SeekPeers) -> AddressesFound:
    """Look again and again, as the core does; a DHT node that is asked too early knows nothing yet."""
    with trio.fail_after(60):
        while True:
            node.engine.seek(effect)
            with trio.move_on_after(2):
                return await node.wait_for(AddressesFound, after=len(node.events))


@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
def test_two_that_know_only_the_dht_find_each_other(tmp_path: Path, host: str) -> None:
    rendezvous = secrets.token_bytes(20)
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"

    async def main() -> None:
        one_dht, other_dht = dht_of(tmp_path / "a", routers[0]), dht_of(tmp_path / "b", routers[1])
        async with (
            member(tmp_path / "a", listen_interfaces=listen, dht=one_dht) as one,
            member(tmp_path / "b", listen_interfaces=listen, dht=other_dht) as other,
        ):
            await knows_the_dht(one)
            await knows_the_dht(other)
            one.engine.seek(SeekPeers(rendezvous, 7700, announce=True))
            found = await find(other, SeekPeers(rendezvous, 0, announce=False))
            assert found == AddressesFound((Address(host, 7700),), AddressSource.DHT)

    with loopback_dht(host=host) as routers:
        trio.run(main)


def test_who_listens_elsewhere_stays_in_the_dht(tmp_path: Path) -> None:
    rendezvous = secrets.token_bytes(20)

    async def main() -> None:
        dhts = [dht_of(tmp_path / name, router) for name, router in zip("ab", routers, strict=False)]
        async with member(tmp_path / "a", dht=dhts[0]) as one, member(tmp_path / "b", dht=dhts[1]) as other:
            await knows_the_dht(one)
            await knows_the_dht(other)
            await one.engine.listen_on("127.0.0.2:0")
            one.engine.seek(SeekPeers(rendezvous, 7700, announce=True))
            found = await find(other, SeekPeers(rendezvous, 0, announce=False))
            assert found.addresses == (Address("127.0.0.2", 7700),)

    with loopback_dht() as routers:
        trio.run(main)


def test_no_router_is_needed_the_second_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with member(tmp_path, dht=dht_of(tmp_path, routers[0])) as first:
            await knows_the_dht(first)
        assert load_dht_state(tmp_path / "dht.state")
        async with member(tmp_path, dht=dht_of(tmp_path)) as second:
            await knows_the_dht(second)

    with loopback_dht() as routers:
        trio.run(main)


def test_a_damaged_state_is_not_used_and_one_that_knows_nobody_does_not_replace_a_better(tmp_path: Path) -> None:
    state = tmp_path / "dht.state"

    async def run(*routers: Address) -> int:
        async with member(tmp_path, dht=dht_of(tmp_path, *routers)) as node:
            if routers:
                await knows_the_dht(node)
            return (await node.engine.wait_for_statistics()).dht_nodes

    with loopback_dht() as places:
        assert trio.run(run, places[0]) > 0
    kept = state.read_bytes()
    assert trio.run(run) == 0, "all whom it knew are gone"
    assert state.read_bytes() == kept
    state.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert load_dht_state(state) is None
    assert trio.run(run) == 0


def test_a_state_names_nodes_of_both_ips() -> None:
    state = lt.bencode(
        {
            "dht state": {
                "nodes": [b"\xcb\x00\x71\x07\x1e\x14"],
                "nodes6": [b"\x20\x01\x0d\xb8" + bytes(12) + b"\x1a\xe1"],
            }
        }
    )
    assert nodes_in(state) == (Address("203.0.113.7", 7700), Address("2001:db8::", 6881))
    assert nodes_in(lt.bencode({})) == ()


def test_without_a_dht_nothing_is_sought(tmp_path: Path) -> None:
    async def main() -> None:
        async with member(tmp_path) as node:
            node.engine.seek(SeekPeers(secrets.token_bytes(20), 7700, announce=True))
            assert (await node.engine.wait_for_statistics()).dht_nodes == 0
            assert not node.events

    trio.run(main)


def test_torrents_use_neither_the_dht_nor_the_local_network_nor_peer_exchange(tmp_path: Path) -> None:
    for flag in (lt.torrent_flags.disable_dht, lt.torrent_flags.disable_lsd, lt.torrent_flags.disable_pex):
        assert TORRENT_FLAGS & flag
    shard = make_shard(tmp_path / "source", {"a.bin": 100_000})

    async def main() -> None:
        async with origin(tmp_path / "a", shard, dht=dht_of(tmp_path / "a", routers[0])) as holder:
            await knows_the_dht(holder)
            (worker,) = holder.engine._workers.values()
            handle = worker.place.live.handle if worker.place.live is not None else None
            assert handle is not None
            flags = await trio.to_thread.run_sync(handle.flags)
            for flag in (lt.torrent_flags.disable_dht, lt.torrent_flags.disable_lsd, lt.torrent_flags.disable_pex):
                assert flags & flag

    with loopback_dht(2) as routers:
        trio.run(main)


def test_rules_against_many_nodes_on_one_machine_fall_only_where_the_network_is_one_machine(tmp_path: Path) -> None:
    def settings(listen: str) -> dict[str, str | int | bool]:
        return session_settings(EngineSettings(tmp_path, tmp_path, listen_interfaces=listen))

    assert settings("127.0.0.1:1,[::1]:1")["dht_restrict_routing_ips"] is False
    assert "dht_restrict_routing_ips" not in settings("0.0.0.0:1,[::]:1")
    assert "dht_restrict_routing_ips" not in settings("127.0.0.1:1,192.0.2.1:1")
    assert settings("0.0.0.0:1")["dht_bootstrap_nodes"] == "", "the library's own router is nobody's choice"
