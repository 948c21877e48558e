"""The admission's part of the codec."""

from typing import cast

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.bounds import exact, whole
from mirrord.core.records.ids import KEY_BYTES, CollectionId, NodeId
from mirrord.core.records.kinds import Admission, Grant, Policy


def admission_to(admission: Admission) -> pb.Admission:
    """Return the protobuf form; the author stands in the envelope."""
    return pb.Admission(
        collection=admission.collection,
        subject=admission.subject,
        sequence=admission.sequence,
        issued_at=admission.issued_at,
        expires_at=admission.expires_at,
        grant=cast("pb.Admission.Grant", admission.grant),
        quota=admission.quota,
        policy=cast("pb.Admission.Policy", admission.policy),
    )


def admission_from(message: pb.Admission, author: NodeId) -> Admission:
    """Check every bound and return the value, or raise :class:`RecordError`.

    A grant or a policy of a later version is malformed: what is not understood must not admit anybody.
    """
    issued_at = whole(message.issued_at, "issued_at")
    longest = issued_at + limits.ADMISSION_LIFETIME_MAX_SECONDS
    try:
        grant, policy = Grant(message.grant), Policy(message.policy)
    except ValueError:
        raise RecordError(RejectReason.MALFORMED, "a grant or a policy that this version does not know") from None
    admission = Admission(
        collection=CollectionId(exact(message.collection, KEY_BYTES, "collection")),
        author=author,
        subject=NodeId(exact(message.subject, KEY_BYTES, "subject")),
        sequence=whole(message.sequence, "sequence", low=1),
        issued_at=issued_at,
        expires_at=whole(message.expires_at, "expires_at", low=issued_at + 1, high=longest),
        grant=grant,
        quota=whole(message.quota, "quota", high=limits.VOUCHES_MAX if grant is Grant.VOUCHER else 0),
        policy=policy,
    )
    if admission.is_policy != (policy is not Policy.UNSPECIFIED) or admission.is_policy != (grant is Grant.NONE):
        raise RecordError(RejectReason.MALFORMED, "the collection has a policy and no grant, a subject the reverse")
    return admission
