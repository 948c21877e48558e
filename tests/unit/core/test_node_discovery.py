"""A node that was told no address looks for peers under its collections' rendezvous, and dials whom it finds."""

from scripted import HERE, SWARM, ScriptedNode, only

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.gossip.rendezvous import days_of, rendezvous
from mirrord.core.records.ids import Address
from mirrord.core.timing import DEMO, WAN
from tests.unit.core.making import COLLECTION

MINUTE = 60.0
THERE = Address("198.51.100.7", 7700)


def expected(scripted: ScriptedNode, port: int = HERE.port) -> set[ef.SeekPeers]:
    return {
        ef.SeekPeers(rendezvous(COLLECTION, day), port, announce=port > 0) for day in days_of(scripted.now.unix_seconds)
    }


def test_it_looks_when_it_listens_and_every_minute_while_it_is_alone() -> None:
    scripted = ScriptedNode()
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    assert not only(scripted.wait(MINUTE), ef.SeekPeers), "nobody knows yet where it can be reached"
    scripted.listen()
    assert set(only(scripted.wait(1), ef.SeekPeers)) == expected(scripted)
    seeks = only(scripted.wait(10 * MINUTE), ef.SeekPeers)
    assert 8 <= len(seeks) / len(expected(scripted)) <= 13


def test_with_a_peer_it_looks_every_quarter_of_an_hour() -> None:
    scripted = ScriptedNode().join()
    scripted.wait(1)
    scripted.meet(1)
    assert not only(scripted.wait(0.7 * WAN.rendezvous_seconds), ef.SeekPeers)
    assert only(scripted.wait(0.6 * WAN.rendezvous_seconds), ef.SeekPeers)


def test_it_tells_of_a_new_port_at_once_and_of_none_where_nobody_can_reach_it() -> None:
    scripted = ScriptedNode().join()
    scripted.wait(1)
    scripted.tell(ev.ListeningStarted((HERE._replace(port=7800),), (SWARM,)))
    assert set(only(scripted.wait(1), ef.SeekPeers)) == expected(scripted, 7800)
    scripted.tell(ev.ListeningStarted((), ()))
    assert set(only(scripted.wait(1), ef.SeekPeers)) == expected(scripted, 0)


def test_whom_it_finds_it_dials_at_once_and_counts_by_who_told() -> None:
    scripted = ScriptedNode().join()
    scripted.wait(1)
    for source in (ev.AddressSource.DHT, ev.AddressSource.LOCAL_NETWORK, ev.AddressSource.DHT):
        scripted.tell(ev.AddressesFound((THERE,), source))
    assert only(scripted.wait(1), ef.Dial) == [ef.Dial(THERE)]
    assert scripted.node.statistics(scripted.now).counters.addresses_found == {ev.AddressSource.DHT: 1}


def test_a_flood_fills_a_part_of_the_book_and_is_counted() -> None:
    scripted = ScriptedNode().join()
    for second in range(200):
        many = tuple(Address(f"{11 + second}.{number}.0.1", 7700) for number in range(200))
        scripted.tell(ev.AddressesFound(many, ev.AddressSource.DHT))
        scripted.now = scripted.now.later(MINUTE)
    assert len(scripted.node.state.gossip.book) <= limits.ADDRESSES_FOUND_MAX
    counters = scripted.node.statistics(scripted.now).counters
    assert counters.limits_reached["ADDRESSES_FOUND_BURST"] > 100


def test_what_is_no_address_of_a_node_is_never_dialled() -> None:
    scripted = ScriptedNode().join()
    scripted.wait(1)
    nonsense = ("0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1", "::", "ff02::1")
    scripted.tell(ev.AddressesFound(tuple(Address(host, 7700) for host in nonsense), ev.AddressSource.DHT))
    scripted.tell(ev.AddressesFound((THERE._replace(port=25),), ev.AddressSource.DHT))
    assert not only(scripted.wait(10 * MINUTE), ef.Dial)


def test_after_it_left_it_looks_no_more() -> None:
    scripted = ScriptedNode(timing=DEMO).join()
    scripted.tell(ev.CollectionLeft(COLLECTION, False))
    assert only(scripted.wait(DEMO.lifetime_seconds + 1), ef.SeekPeers), "it has still to tell that it left"
    assert not only(scripted.wait(10 * DEMO.rendezvous_seconds), ef.SeekPeers)
