"""Who is who in one collection, for people: what the admissions that are held come to."""

from dataclasses import dataclass
from enum import StrEnum

from mirrord.core.records.admissions import Admissions
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Admission, Grant, Policy


class Role(StrEnum):
    """What a subject is; VOUCHED is whom only a voucher names, NONE of whom no word is heeded any more."""

    CURATOR = "curator"
    VOUCHER = "voucher"
    MEMBER = "member"
    VOUCHED = "vouched"
    REVOKED = "revoked"
    NONE = "none"


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class Member:
    """One subject; ``word`` is what made it so, None for NONE.  A voucher has used up ``vouches_used`` of its quota."""

    subject: NodeId
    role: Role
    counts: bool
    word: Admission | None
    vouches_used: int


@dataclass(frozen=True, slots=True)
class Roll:
    """Everybody of whom something is said, by role and id; and every word, with whether its author may say it now."""

    policy: Policy
    members: tuple[Member, ...]
    words: tuple[tuple[Admission, bool], ...]


def call_roll(known: Admissions) -> Roll:
    """Return who is who."""
    words = tuple((word, known.heeds(word)) for word in known)
    subjects = {word.subject for word, _ in words if not word.is_policy}
    members = sorted((_member(known, subject) for subject in subjects), key=lambda m: (_ORDER.index(m.role), m.subject))
    return Roll(known.policy, tuple(members), words)


def _member(known: Admissions, subject: NodeId) -> Member:
    word = known.word_on(subject)
    role = Role[word.grant.name] if word is not None else Role.NONE
    if word is None and (vouches := known.vouches_for(subject)):
        word, role = vouches[0], Role.VOUCHED
    if known.is_curator(subject):
        role = Role.CURATOR
    used = len(known.vouched_by(subject)) if word is not None and word.grant is Grant.VOUCHER else 0
    return Member(subject, role, known.counts(subject), word, used)
