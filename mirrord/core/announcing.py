"""What this node says of itself: its state as one announcement."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.custody import Custody, OwnShard
from mirrord.core.membership import Membership
from mirrord.core.outside.types import OutsideSettings
from mirrord.core.records.ids import Address
from mirrord.core.records.kinds import Announcement, Claim, CollectionState, Release
from mirrord.core.statistics import ShardRole
from mirrord.core.timing import TimingProfile


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the operator decided, as the core needs it.

    ``pledge_bytes`` is never exceeded; ``refused_rights`` are pieces of rights statements (case
    does not matter) whose shards this node never takes, ``refused_shards`` names of such shards.
    ``pinned_shards`` are names of shards that it keeps whatever the curator or the planner says.
    ``outside`` is whom we may ask about outside seeders.
    """

    timing: TimingProfile
    pledge_bytes: int
    agent: str = ""
    operator: str = ""
    country: str = ""
    asn: int = 0
    refused_rights: tuple[str, ...] = ()
    refused_shards: tuple[str, ...] = ()
    pinned_shards: tuple[str, ...] = ()
    obey_withdrawals: bool = True
    bootstrap: tuple[Address, ...] = ()
    outside: OutsideSettings = field(default_factory=OutsideSettings)


@dataclass(frozen=True, slots=True)
class Reachable:
    """Where others find us."""

    coordination: tuple[Address, ...] = ()
    bittorrent: tuple[Address, ...] = ()


def compose(
    sequence: int,
    settings: NodeSettings,
    reachable: Reachable,
    custody: Custody,
    memberships: Iterable[Membership],
    now: Instant,
    room_bytes: int,
    down_bytes_per_second: int = 0,
) -> Announcement:
    """Return the announcement of this moment.

    ``room_bytes`` is what may still be claimed: none while fetching is paused, so that nobody waits for us.
    """
    issued_at = int(now.unix_seconds)
    return Announcement(
        sequence=sequence,
        issued_at=issued_at,
        expires_at=issued_at + int(settings.timing.lifetime_seconds),
        coordination=reachable.coordination[: limits.ADDRESSES_MAX],
        bittorrent=reachable.bittorrent[: limits.ADDRESSES_MAX],
        pledge_bytes=settings.pledge_bytes,
        free_bytes=room_bytes,
        down_bytes_per_second=down_bytes_per_second,
        operator=settings.operator,
        country=settings.country,
        asn=settings.asn,
        agent=settings.agent,
        collections=tuple(_state(m, custody, settings, now) for m in sorted(memberships, key=lambda m: m.collection)),
    )


def _state(membership: Membership, custody: Custody, settings: NodeSettings, now: Instant) -> CollectionState:
    collection = membership.collection
    if membership.parting:
        return CollectionState(collection, membership.version, parting=True)
    ours = list(custody.of(collection))
    claims = tuple(_claim(own) for own in ours if own.role in (ShardRole.CLAIMED, ShardRole.FETCHING))
    releases = tuple(
        Release(own.key.index, int(own.release_announced.unix_seconds))
        for own in ours
        if own.role is ShardRole.HELD and own.release_announced is not None
    )
    return CollectionState(
        collection=collection,
        manifest_version=membership.version,
        holdings=custody.indexes(collection, ShardRole.HELD),
        claims=claims[: limits.CLAIMS_MAX],
        releases=releases[: limits.RELEASES_MAX],
        parting=membership.leaving_by > 0,
        declined=membership.declined(settings.refused_rights, settings.refused_shards) | membership.banned_now(now),
    )


def _claim(own: OwnShard) -> Claim:
    claimed_at = int(own.since.unix_seconds)
    return Claim(
        shard=own.key.index,
        claimed_at=claimed_at,
        expires_at=max(claimed_at, own.lease_until),
        fetching=own.role is ShardRole.FETCHING,
        percent=own.percent,
    )
