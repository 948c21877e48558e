"""The time constants of the protocol, as one frozen profile.

Every node of a network must run the same profile, because each computes the same windows from it.
``WAN`` is the default; ``LAN`` is for machines that one person runs; ``DEMO`` makes a network that
loses a node heal within seconds.
"""

from dataclasses import dataclass
from typing import Final

_SETTLE_MOST_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class TimingProfile:
    """Durations in seconds.

    ``gossip_delay_seconds`` is G: the 95th percentile of how old another node's record is when we
    see it.  ``settle`` is one of them, ``window_growth`` at least four.
    """

    name: str
    gossip_period_seconds: float
    """One anti-entropy exchange with a random peer this often, jittered by a fifth."""
    gossip_delay_seconds: float
    tick_seconds: float
    """How often the planner looks."""
    refresh_seconds: float
    """A node announces itself at least this often."""
    publish_gap_seconds: float
    """Two announcements of one node are at least this far apart, claims excepted."""
    lifetime_seconds: float
    """``expires_at - issued_at`` of an announcement."""
    dead_band_seconds: float
    """A record is offered until this long before it expires: twice the clock skew that we allow."""
    alive_seconds: float
    """Silent for longer: away."""
    presence_full_seconds: float
    """A node's copies count whole until it has been silent for this long, ..."""
    presence_zero_seconds: float
    """... and not at all from here on: gone."""
    window_growth_seconds: float
    """T_w: the rank window grows by its own width every so often."""
    lease_max_seconds: float
    claim_stall_seconds: float
    """A claim without one percent of progress for this long no longer counts."""
    claim_silence_seconds: float
    """A claim whose owner has been silent for this long no longer counts."""
    ban_seconds: float
    """A failed claim bars the node itself from that shard for this long, doubling each time."""
    release_after_seconds: float
    """A holding is kept at least this long before it may be given up."""
    release_notice_seconds: float
    """The intent to give a holding up is announced this long before the deed; also the least time between two."""
    dial_retry_seconds: float
    """The first wait after a failed dial; doubles up to sixty times this."""
    rendezvous_seconds: float
    """A collection's peers are looked for at its rendezvous this often, jittered by a fifth; the DHT forgets
    an announcement after half an hour (BEP 5)."""
    rendezvous_alone_seconds: float
    """... and this often while none of them is there."""

    @property
    def counted_until_seconds(self) -> float:
        """Return for how long a silent node's copies are reported as replicas: until its presence is one half."""
        return (self.presence_full_seconds + self.presence_zero_seconds) / 2

    @property
    def settle_seconds(self) -> float:
        """Wait this long after a claim: G, to have heard of all earlier claims, but a quarter of an hour at most.

        Where views are an hour old, waiting for all of it costs more time than it saves bytes.
        """
        return min(self.gossip_delay_seconds, _SETTLE_MOST_SECONDS)


HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR

WAN: Final = TimingProfile(
    name="wan",
    gossip_period_seconds=60,
    gossip_delay_seconds=420,  # 99.9 % of 10,000 nodes within 7 periods
    tick_seconds=300,
    refresh_seconds=HOUR,
    publish_gap_seconds=60,
    lifetime_seconds=15 * DAY,
    dead_band_seconds=1_200,
    alive_seconds=3 * HOUR,
    presence_full_seconds=72 * HOUR,
    presence_zero_seconds=14 * DAY,
    window_growth_seconds=HOUR,
    lease_max_seconds=7 * DAY,
    claim_stall_seconds=DAY,
    claim_silence_seconds=6 * HOUR,
    ban_seconds=DAY,
    release_after_seconds=14 * DAY,
    release_notice_seconds=DAY,
    dial_retry_seconds=60,
    rendezvous_seconds=900,
    rendezvous_alone_seconds=60,
)

LAN: Final = TimingProfile(
    name="lan",
    gossip_period_seconds=10,
    gossip_delay_seconds=30,
    tick_seconds=10,
    refresh_seconds=120,
    publish_gap_seconds=5,
    lifetime_seconds=2 * DAY,
    dead_band_seconds=1_200,
    alive_seconds=360,
    presence_full_seconds=2 * HOUR,
    presence_zero_seconds=DAY,
    window_growth_seconds=120,
    lease_max_seconds=DAY,
    claim_stall_seconds=2 * HOUR,
    claim_silence_seconds=900,
    ban_seconds=HOUR,
    release_after_seconds=DAY,
    release_notice_seconds=HOUR,
    dial_retry_seconds=5,
    rendezvous_seconds=300,
    rendezvous_alone_seconds=20,
)

DEMO: Final = TimingProfile(
    name="demo",
    gossip_period_seconds=1,
    gossip_delay_seconds=1,
    tick_seconds=0.5,
    refresh_seconds=2,
    publish_gap_seconds=0.25,
    lifetime_seconds=60,
    dead_band_seconds=5,
    alive_seconds=6,
    presence_full_seconds=8,
    presence_zero_seconds=10,
    window_growth_seconds=4,
    lease_max_seconds=60,
    claim_stall_seconds=15,
    claim_silence_seconds=6,
    ban_seconds=5,
    release_after_seconds=20,
    release_notice_seconds=4,
    dial_retry_seconds=1,
    rendezvous_seconds=15,
    rendezvous_alone_seconds=2,
)

PROFILES: Final = {profile.name: profile for profile in (WAN, LAN, DEMO)}
