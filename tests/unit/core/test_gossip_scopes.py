"""How far an address reaches, and whose neighbour it is."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.gossip.scopes import Scope, canonical_host, ip_version, neighbourhood_of, scope_of

SCOPES = {
    "127.0.0.1": Scope.LOOPBACK,
    "127.99.0.1": Scope.LOOPBACK,
    "::1": Scope.LOOPBACK,
    "::ffff:127.0.0.1": Scope.LOOPBACK,
    "10.1.2.3": Scope.PRIVATE,
    "172.16.0.1": Scope.PRIVATE,
    "192.168.1.1": Scope.PRIVATE,
    "100.64.0.1": Scope.PRIVATE,
    "203.0.113.7": Scope.PRIVATE,
    "fd00::1": Scope.PRIVATE,
    "2001:db8::1": Scope.PRIVATE,
    "::ffff:192.168.1.1": Scope.PRIVATE,
    "169.254.0.1": Scope.LINK_LOCAL,
    "fe80::1": Scope.LINK_LOCAL,
    "fe80::1%eth0": Scope.LINK_LOCAL,
    "224.0.0.251": Scope.NOWHERE,
    "ff02::1": Scope.NOWHERE,
    "0.0.0.0": Scope.NOWHERE,
    "::": Scope.NOWHERE,
    "255.255.255.255": Scope.NOWHERE,
    "9.9.9.9": Scope.GLOBAL,
    "2620:fe::fe": Scope.GLOBAL,
    "::ffff:9.9.9.9": Scope.GLOBAL,
    "9.9.9": None,
    "9.9.9.256": None,
    "9.9.9.09": None,
    "9.9.9.9.9": None,
    "9.9.9.example": None,
    "mirror.example.org": None,
}


@pytest.mark.parametrize("host", SCOPES)
def test_how_far_an_address_reaches(host: str) -> None:
    assert scope_of(host) is SCOPES[host]


def test_neighbours_share_a_16_or_a_32_of_the_public_internet() -> None:
    assert neighbourhood_of("9.9.1.2") == neighbourhood_of("9.9.255.7") == neighbourhood_of("::ffff:9.9.0.1")
    assert neighbourhood_of("9.9.1.2") != neighbourhood_of("9.10.1.2")
    assert neighbourhood_of("2620:fe::1") == neighbourhood_of("2620:fe:ffff::1")
    assert neighbourhood_of("2620:fe::1") != neighbourhood_of("2620:ff::1")
    assert {neighbourhood_of(host) for host, scope in SCOPES.items() if scope is not Scope.GLOBAL} == {None}


def test_one_address_has_one_spelling() -> None:
    assert canonical_host("::ffff:9.9.9.9") == "9.9.9.9"
    assert canonical_host("2620:FE:0::fe") == "2620:fe::fe"
    assert canonical_host("fe80::1%eth0") == "fe80::1"
    assert canonical_host("mirror.example.org") == "mirror.example.org"
    assert (ip_version("::ffff:9.9.9.9"), ip_version("2620:fe::fe"), ip_version("a.example")) == (4, 6, None)


@given(st.ip_addresses(v=4))
def test_the_short_way_says_what_the_long_one_says(ip: IPv4Address) -> None:
    mapped = f"::ffff:{ip}"
    assert (scope_of(str(ip)), neighbourhood_of(str(ip))) == (scope_of(mapped), neighbourhood_of(mapped))


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=40)))
def test_any_text_has_a_scope_or_is_a_name(host: str) -> None:
    scope = scope_of(canonical_host(host))
    assert (neighbourhood_of(host) is not None) == (scope is Scope.GLOBAL)
