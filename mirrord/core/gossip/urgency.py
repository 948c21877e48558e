"""What travels at once, and does not wait for a round of anti-entropy."""

from mirrord.core.clock import Instant
from mirrord.core.records.kinds import Admission, Announcement, CollectionState
from mirrord.core.records.record import Record
from mirrord.core.timing import TimingProfile


def is_urgent(record: Record, older: Record | None, now: Instant, timing: TimingProfile) -> bool:
    """Whether a record changes what others would decide, so that it travels on at once.

    An announcement or an admission that is older than the gossip delay has reached everybody by anti-entropy: a
    node that starts with an empty table must not shout all of it on.
    """
    content = record.content
    is_one_of_many = isinstance(content, Announcement | Admission)
    if is_one_of_many and now.unix_seconds - content.issued_at > timing.gossip_delay_seconds:
        return False
    if not isinstance(content, Announcement):
        return True
    if older is None or not isinstance(older.content, Announcement):
        return True
    return [_decisive(state) for state in content.collections] != [
        _decisive(state) for state in older.content.collections
    ]


def _decisive(state: CollectionState) -> tuple[object, ...]:
    claims = tuple((claim.shard, claim.fetching) for claim in state.claims)
    return (state.collection, state.holdings, claims, state.releases, state.parting)
