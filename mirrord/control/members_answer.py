"""The answer to ``GET /v1/members``: who counts in a collection, and by whose word.

Pure, and slow for ten thousand members, so that it runs in a thread.
"""

from mirrord.control.shapes import Members, MemberShape, WordShape
from mirrord.core.records.ids import to_text
from mirrord.core.records.kinds import Admission
from mirrord.core.records.roll import Member, Roll
from mirrord.core.statistics import CollectionStatistics, Statistics


def members_answer(statistics: Statistics, collection: CollectionStatistics, roll: Roll) -> Members:
    """Return who is who, by role and id, and every word that was said about it."""
    return Members(
        at=statistics.at,
        collection=to_text(collection.collection),
        name=collection.name,
        node=to_text(statistics.node.node),
        policy=roll.policy.name.lower(),
        members=tuple(_member(member) for member in roll.members),
        words=tuple(_word(word, is_heeded) for word, is_heeded in roll.words),
    )


def _member(member: Member) -> MemberShape:
    word = member.word
    return MemberShape(
        id=to_text(member.subject),
        role=member.role.value,
        counts=member.counts,
        by=to_text(word.author) if word is not None else "",
        expires_at=word.expires_at if word is not None else 0,
        quota=word.quota if word is not None else 0,
        vouches_used=member.vouches_used,
    )


def _word(word: Admission, is_heeded: bool) -> WordShape:
    return WordShape(
        author=to_text(word.author),
        subject=to_text(word.subject),
        says=word.policy.name.lower() if word.is_policy else word.grant.name.lower(),
        sequence=word.sequence,
        issued_at=word.issued_at,
        expires_at=word.expires_at,
        heeded=is_heeded,
        quota=word.quota,
    )
