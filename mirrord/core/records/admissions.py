"""Whose copies count in one collection: what the held admissions say together.

Words, and who may say them:

- the **policy** is said by the collection's key; where it says nothing, the collection is open;
- a **curator** is the collection's key, or whom that key itself grants so: curators name no curators;
- a curator may list any subject, name it a voucher with a quota, or revoke it;
- a **voucher** may vouch for its quota of nodes, and take that back.  Whom it vouches for may not vouch.

Of all curators' words about a subject the newest by ``issued_at`` holds; of two of one second a revocation, then
the one of the larger key.  Of a voucher's vouches the first by (sequence, subject) count, as many as its quota.

Everything is worked out from the admissions that are held now, so the order in which they came is no matter.  A
word of somebody who may not say it, or no longer, is as if it were not there; it counts again if its author may
speak again.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from mirrord.core import limits
from mirrord.core.records.ids import CollectionId, NodeId, to_short_text
from mirrord.core.records.kinds import Admission, Grant, Policy

_LISTED: Final = (Grant.MEMBER, Grant.VOUCHER, Grant.CURATOR)
_VOUCHES: Final = (Grant.MEMBER, Grant.REVOKED)
_NOBODY: Final[Mapping[NodeId, Admission]] = MappingProxyType({})


class Admissions:
    """The admissions of one collection that are held, and what follows from them."""

    def __init__(self, collection: CollectionId) -> None:
        self._root = NodeId(bytes(collection))
        self._policy: Admission | None = None
        self._held = 0
        self._by_subject: dict[NodeId, dict[NodeId, Admission]] = {}
        self._by_author: dict[NodeId, dict[NodeId, Admission]] = {}
        self._within_quota: dict[NodeId, tuple[int, frozenset[NodeId]]] = {}

    def __len__(self) -> int:
        """Return how many admissions are held, the policy left out."""
        return self._held

    def __iter__(self) -> Iterator[Admission]:
        """Iterate over what is held: the policy, then by subject and author."""
        if self._policy is not None:
            yield self._policy
        for _, said in sorted(self._by_subject.items()):
            yield from (admission for _, admission in sorted(said.items()))

    def put(self, admission: Admission) -> None:
        """Hold an admission, in place of an older one of its author about its subject."""
        if admission.is_policy:
            self._policy = admission
            return
        about_subject = self._by_subject.setdefault(admission.subject, {})
        self._held += admission.author not in about_subject
        about_subject[admission.author] = admission
        self._by_author.setdefault(admission.author, {})[admission.subject] = admission
        self._within_quota.pop(admission.author, None)

    def drop(self, admission: Admission) -> None:
        """Hold an admission no longer."""
        if admission.is_policy:
            self._policy = None
            return
        self._held -= 1
        for table, outer, inner in (
            (self._by_subject, admission.subject, admission.author),
            (self._by_author, admission.author, admission.subject),
        ):
            table[outer].pop(inner)
            if not table[outer]:
                del table[outer]
        self._within_quota.pop(admission.author, None)

    # --- who counts ------------------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """Whose copies count."""
        return self._policy.policy if self._policy is not None else Policy.OPEN

    def counts(self, node: NodeId) -> bool:
        """Whether a node's copies count."""
        word = self.word_on(node)
        if word is not None and word.grant is Grant.REVOKED:
            return False
        if self.policy is Policy.OPEN or (word is not None and word.grant in _LISTED):
            return True
        return self.policy is Policy.VOUCHED and bool(self.vouches_for(node))

    def is_curator(self, key: NodeId) -> bool:
        """Whether a key may list, revoke and name vouchers."""
        if key == self._root:
            return True
        granted = self._by_subject.get(key, _NOBODY).get(self._root)
        return granted is not None and granted.grant is Grant.CURATOR

    def word_on(self, subject: NodeId) -> Admission | None:
        """Return the curators' word about a subject that holds."""
        words = [a for a in self._by_subject.get(subject, _NOBODY).values() if self.is_curator(a.author)]
        return max(words, key=lambda a: (a.issued_at, a.grant is Grant.REVOKED, a.author), default=None)

    def quota_of(self, node: NodeId) -> int:
        """Return for how many nodes this one may vouch; 0 for whoever is no voucher."""
        word = self.word_on(node)
        return word.quota if word is not None and word.grant is Grant.VOUCHER else 0

    def vouched_by(self, voucher: NodeId) -> frozenset[NodeId]:
        """Return for whom a voucher vouches within its quota."""
        quota = 0 if self.is_curator(voucher) else self.quota_of(voucher)
        known = self._within_quota.get(voucher)
        if known is None or known[0] != quota:
            said = self._by_author.get(voucher, _NOBODY).values()
            vouches = sorted((a.sequence, a.subject) for a in said if a.grant is Grant.MEMBER)
            known = self._within_quota[voucher] = quota, frozenset(subject for _, subject in vouches[:quota])
        return known[1]

    def vouches_for(self, node: NodeId) -> list[Admission]:
        """Return the vouches for a node that are within their vouchers' quotas, by voucher."""
        said = self._by_subject.get(node, _NOBODY)
        return [said[author] for author in sorted(said) if node in self.vouched_by(author)]

    # --- who may say what -------------------------------------------------------------------------

    def heeds(self, admission: Admission) -> bool:
        """Whether the author of an admission may say it now."""
        if admission.is_policy or admission.grant is Grant.CURATOR:
            return admission.author == self._root
        if self.is_curator(admission.author):
            return True
        return admission.grant in _VOUCHES and self.quota_of(admission.author) > 0

    def objection_to(self, admission: Admission) -> str:
        """Return why the author of an admission may not say it now, for people; empty where it may."""
        if self.heeds(admission):
            return ""
        author = to_short_text(admission.author)
        if admission.grant is Grant.CURATOR:
            return f"{author} names a curator, which only the collection's key may"
        return f"{author} is neither a curator nor a voucher here"

    def has_room_for(self, admission: Admission) -> bool:
        """Whether a voucher has not spoken of so many subjects already that one more is not kept."""
        said = self._by_author.get(admission.author, _NOBODY)
        return len(said) < limits.VOUCHES_MAX or admission.subject in said or self.is_curator(admission.author)
