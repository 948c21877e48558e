"""The announcement's part of the codec: a node's whole public state to protobuf and back."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.bounds import bounded, exact, text, whole
from mirrord.core.records.ids import KEY_BYTES, Address, CollectionId, ShardIndex
from mirrord.core.records.kinds import Announcement, Claim, CollectionState, Release
from mirrord.core.records.shardset import NO_SHARDS, ShardSet

_ASN_MAX: Final = 2**32 - 1
_IPV4_IN_IPV6: Final = bytes(10) + b"\xff\xff"


def announcement_to(announcement: Announcement) -> pb.Announcement:
    """Return the protobuf form."""
    return pb.Announcement(
        sequence=announcement.sequence,
        issued_at=announcement.issued_at,
        expires_at=announcement.expires_at,
        coordination=[_endpoint_to(address) for address in announcement.coordination],
        bittorrent=[_endpoint_to(address) for address in announcement.bittorrent],
        pledge_bytes=announcement.pledge_bytes,
        free_bytes=announcement.free_bytes,
        down_bytes_per_second=announcement.down_bytes_per_second,
        up_bytes_per_second=announcement.up_bytes_per_second,
        operator=announcement.operator,
        country=announcement.country,
        asn=announcement.asn,
        agent=announcement.agent,
        collections=[_state_to(state) for state in announcement.collections],
    )


def announcement_from(message: pb.Announcement) -> Announcement:
    """Check every bound and return the value, or raise :class:`RecordError`."""
    issued_at = whole(message.issued_at, "issued_at")
    longest = issued_at + limits.LIFETIME_MAX_SECONDS
    bounded(len(message.collections), limits.HELLO_COLLECTIONS_MAX, "collections")
    collections = tuple(_state_from(state) for state in message.collections)
    _ascending([state.collection for state in collections], "collections")
    bounded(sum(state.bitmap_bytes for state in collections), limits.BITMAPS_MAX_BYTES, "bytes of bitmaps")
    sequence = whole(message.sequence, "sequence", low=1)
    return Announcement(
        sequence=sequence,
        issued_at=sequence if sequence == issued_at else issued_at,  # mostly one number, kept once
        expires_at=whole(message.expires_at, "expires_at", low=issued_at + 1, high=longest),
        coordination=_endpoints_from(message.coordination),
        bittorrent=_endpoints_from(message.bittorrent),
        pledge_bytes=whole(message.pledge_bytes, "pledge_bytes"),
        free_bytes=whole(message.free_bytes, "free_bytes"),
        down_bytes_per_second=whole(message.down_bytes_per_second, "down_bytes_per_second"),
        up_bytes_per_second=whole(message.up_bytes_per_second, "up_bytes_per_second"),
        operator=_label(message.operator, "operator"),
        country=_label(message.country, "country"),
        asn=whole(message.asn, "asn", high=_ASN_MAX),
        agent=_label(message.agent, "agent"),
        collections=collections,
    )


def _state_to(state: CollectionState) -> pb.CollectionState:
    return pb.CollectionState(
        collection=state.collection,
        manifest_version=state.manifest_version,
        holdings=state.holdings.encode(),
        claims=[
            pb.Claim(
                shard=claim.shard,
                claimed_at=claim.claimed_at,
                expires_at=claim.expires_at,
                fetching=claim.fetching,
                percent=claim.percent,
            )
            for claim in state.claims
        ],
        releases=[pb.Release(shard=release.shard, announced_at=release.announced_at) for release in state.releases],
        parting=state.parting,
        declined=state.declined.encode() if state.declined else b"",
    )


def _state_from(message: pb.CollectionState) -> CollectionState:
    bounded(len(message.claims), limits.CLAIMS_MAX, "claims")
    bounded(len(message.releases), limits.RELEASES_MAX, "releases")
    claims = tuple(_claim_from(claim) for claim in message.claims)
    releases = tuple(
        Release(_shard_index(release.shard), whole(release.announced_at, "announced_at"))
        for release in message.releases
    )
    _ascending([claim.shard for claim in claims], "claims")
    _ascending([release.shard for release in releases], "releases")
    return CollectionState(
        collection=CollectionId(exact(message.collection, KEY_BYTES, "collection")),
        manifest_version=whole(message.manifest_version, "manifest_version"),
        holdings=ShardSet.decode(message.holdings),
        claims=claims,
        releases=releases,
        parting=message.parting,
        declined=ShardSet.decode(message.declined) if message.declined else NO_SHARDS,
    )


def _claim_from(message: pb.Claim) -> Claim:
    claimed_at = whole(message.claimed_at, "claimed_at")
    longest = claimed_at + limits.LIFETIME_MAX_SECONDS
    return Claim(
        shard=_shard_index(message.shard),
        claimed_at=claimed_at,
        expires_at=whole(message.expires_at, "expires_at", low=claimed_at, high=longest),
        fetching=message.fetching,
        percent=whole(message.percent, "percent", high=100),
    )


def _shard_index(value: int) -> ShardIndex:
    return ShardIndex(whole(value, "shard", high=limits.SHARDS_MAX - 1))


def _endpoint_to(address: Address) -> pb.Endpoint:
    return pb.Endpoint(ip=ipaddress.ip_address(address.host).packed, port=address.port)


def _endpoints_from(messages: Sequence[pb.Endpoint]) -> tuple[Address, ...]:
    bounded(len(messages), limits.ADDRESSES_MAX, "addresses")
    return tuple(_endpoint_from(message) for message in messages)


def _endpoint_from(message: pb.Endpoint) -> Address:
    return Address(_host(message.ip), whole(message.port, "port", low=1, high=65_535))


@lru_cache(maxsize=1_024)
def _host(packed: bytes) -> str:
    """Return the literal of an address; both kinds of endpoint mostly have the same, which is kept once."""
    if len(packed) not in (4, 16):
        raise RecordError(RejectReason.MALFORMED, f"an IP address of {len(packed)} bytes")
    plain = packed.removeprefix(_IPV4_IN_IPV6) if len(packed) == 16 else packed  # every version of Python alike
    first = plain[0]
    is_multicast = 224 <= first < 240 if len(plain) == 4 else first == 0xFF
    if is_multicast or not any(plain):
        raise RecordError(RejectReason.MALFORMED, f"nobody listens at {ipaddress.ip_address(packed)}")
    return ".".join(map(str, packed)) if len(packed) == 4 else str(ipaddress.IPv6Address(packed))


@lru_cache(maxsize=4_096)
def _label(value: str, what: str) -> str:
    """Check a label; thousands of nodes have the same country and agent, which are kept once."""
    return text(value, limits.LABEL_MAX_BYTES, what)


def _ascending(values: Iterable[bytes] | Iterable[int], what: str) -> None:
    listed = list(values)
    if len(listed) > 1 and any(not a < b for a, b in pairwise(listed)):  # type: ignore[operator]
        raise RecordError(RejectReason.MALFORMED, f"{what} are not in ascending order, each once")
