"""Who may be counted, as far as this node has a part in it: what its operator says, and whether it counts itself.

A node that does not count in a collection reads on, and seeds what it holds.  It leaves the collection out of its
announcement and claims nothing there, because nobody would heed either.
"""

from collections.abc import Sequence
from typing import Final

from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, ReportStanding
from mirrord.core.errors import RecordError, RejectReason, UsageError
from mirrord.core.events import AdmissionRequested, AdmissionsImported
from mirrord.core.membership import Membership
from mirrord.core.records.codec import encode_admission
from mirrord.core.records.ids import NodeId, to_short_text, to_text
from mirrord.core.records.kinds import Admission, Grant, Kind
from mirrord.core.records.record import Record, RecordKey, open_record
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole
from mirrord.core.wording import spelled

_NO_RIGHT: Final = "sign it with the key of the collection or of one of its curators, with --key"


def heed_standing(state: NodeState, out: list[Effect]) -> None:
    """Notice where this node counts from now on, or counts no longer."""
    for membership in state.memberships.values():
        is_admitted = state.gossip.records.counts(state.own, membership.collection)
        if is_admitted == membership.is_admitted:
            continue
        membership.is_admitted = is_admitted
        out.append(ReportStanding(membership.collection, state.own, is_admitted))
        state.changed()
        if is_admitted:
            state.look_soon = True
        else:
            _stand_back(state, membership, out)


def _stand_back(state: NodeState, membership: Membership, out: list[Effect]) -> None:
    """Give up what others would have to heed.  Holdings stay, and so do fetches: their bytes may count again."""
    for own in list(state.custody.of(membership.collection)):
        if own.role is ShardRole.CLAIMED:
            state.custody.release(own.key, True, out)
        elif own.release_announced is not None:
            state.custody.announce_release(own.key, None)


def import_admissions(state: NodeState, event: AdmissionsImported, now: Instant, out: list[Effect]) -> None:
    """Take admissions from our own operator, and push them.

    Raises :class:`UsageError`, before anything has changed, where one of them cannot be taken.
    """
    _take(state, [open_record(envelope) for envelope in event.envelopes], now, out)


def sign_admissions(
    state: NodeState, key: SigningKey, event: AdmissionRequested, now: Instant, out: list[Effect]
) -> None:
    """Say with this node's own key what some subjects are: as a curator, or as a voucher.

    Raises :class:`UsageError`, before anything has changed, where this node may not say that.
    """
    membership = state.memberships.get(event.collection)
    if membership is None:
        raise UsageError(f"{to_short_text(event.collection)} is not joined", "join it first: its records are kept here")
    _check_quota(state, event)
    said = [_signed(state, key, event, subject, now) for subject in dict.fromkeys(event.subjects)]
    _take(state, said, now, out)


def _check_quota(state: NodeState, event: AdmissionRequested) -> None:
    """Raise where a voucher would vouch for more nodes than it may: what is beyond its quota counts for nothing."""
    known = state.gossip.records.admissions(event.collection)
    if event.grant is not Grant.MEMBER or known.is_curator(state.own):
        return
    quota, vouches = known.quota_of(state.own), known.vouched_by(state.own)
    if quota and len(vouches | set(event.subjects)) > quota:
        message = f"this node may vouch for {spelled(quota, 'node')}, and does so for {len(vouches):,} already"
        raise UsageError(message, "take one back (`mirrord collection vouch --take-back`), or ask a curator for more")


def _signed(state: NodeState, key: SigningKey, event: AdmissionRequested, subject: NodeId, now: Instant) -> Record:
    issued_at = int(now.unix_seconds)
    place = RecordKey(Kind.ADMISSION, key.public + event.collection + subject)
    admission = Admission(
        collection=event.collection,
        author=key.public,
        subject=subject,
        sequence=max(state.gossip.records.highest(place) + 1, issued_at),
        issued_at=issued_at,
        expires_at=event.expires_at,
        grant=event.grant,
        quota=event.quota,
    )
    return open_record(sign(Kind.ADMISSION, encode_admission(admission), key))


def _take(state: NodeState, records: Sequence[Record], now: Instant, out: list[Effect]) -> None:
    if len({record.key for record in records}) < len(records):
        raise UsageError("one author says two things of one subject", "name every node once")
    for record in records:
        if not isinstance(record.content, Admission):
            raise UsageError("this is a record, but not an admission", "is the command line older or newer?")
        try:
            state.gossip.records.judge(record, now, is_ours=True)
        except RecordError as error:
            raise _refusal(record.content, error) from None
    state.gossip.put_all([record.envelope for record in records], now, out)


def _refusal(admission: Admission, error: RecordError) -> UsageError:
    subject = to_text(admission.subject)
    match error.reason:
        case RejectReason.NOT_ADMITTED:
            return UsageError(error.message.partition(": ")[2], _NO_RIGHT)
        case RejectReason.FOREIGN_COLLECTION:
            return UsageError(f"{to_short_text(admission.collection)} is not joined here", "join it first")
        case RejectReason.STALE:
            return UsageError(f"something newer is said of {subject} already", "say it again in a second")
        case _:
            return UsageError(f"what is said of {subject} cannot be taken: {error.message}", "is the clock right?")
