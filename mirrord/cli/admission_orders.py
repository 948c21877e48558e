"""What a curator's or a voucher's command comes to: signed records, handed to the daemon.

The daemon knows which sequences were used, so it is asked first; then it is given what is new.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mirrord.control.client import Client
from mirrord.control.shapes import Members
from mirrord.control.wishes import AdmitWish, SignWish
from mirrord.core.errors import UsageError
from mirrord.core.records.codec import encode_admission
from mirrord.core.records.ids import CollectionId, NodeId, from_text, to_short_text, to_text
from mirrord.core.records.kinds import Admission, Grant, Kind, Policy
from mirrord.core.records.signing import SigningKey, sign

if TYPE_CHECKING:
    from mirrord.cli.admission import PolicyChoice

_BATCH: Final = 1_000
"""Records in one request, which has at most 1 MiB."""

_SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be said: of each node ``says``, until unix second ``expires_at``; of the collection its ``policy``.

    ``collection`` is its name, its id, or its folder.  ``is_vouch``: as a voucher, with the node's own key.
    """

    collection: str
    nodes: tuple[str, ...]
    says: str
    expires_at: int
    quota: int = 0
    policy: "PolicyChoice | None" = None
    is_vouch: bool = False


def carry_out(client: Client, order: Order, key_file: Path | None) -> Members:
    """Sign what is ordered, or have it signed, and hand it to the daemon; return what was the case before."""
    nodes = tuple(dict.fromkeys(_node(text) for text in order.nodes))
    wanted, key_file = _collection_and_key(order, key_file)
    known = client.get("members", Members, collection=wanted)
    if key_file is None:
        _check_own_key(order, known)
        for batch in _batches(nodes):
            texts = tuple(to_text(node) for node in batch)
            wish = SignWish(
                collection=known.collection,
                nodes=texts,
                says=order.says,
                expires_at=order.expires_at,
                quota=order.quota,
            )
            client.post("collections/sign", wish)
        return known
    key = _loaded(key_file)
    _check_key(order, known, key, key_file)
    sequences = {(word.author, word.subject): word.sequence for word in known.words}
    envelopes = tuple(_signed(order, known, key, nodes, sequences))
    for start in range(0, len(envelopes), _BATCH):
        client.post("collections/admit", AdmitWish(envelopes=envelopes[start : start + _BATCH]))
    return known


def _node(text: str) -> NodeId:
    try:
        return NodeId(from_text(text.strip()))
    except UsageError:
        message = f"{text[:_SHOWN_CHARACTERS]!r} is not a node's id"
        hint = "it has 52 letters and digits; its operator finds it as node.id in `mirrord status --json`"
        raise UsageError(message, hint) from None


def _collection_and_key(order: Order, key_file: Path | None) -> tuple[str, Path | None]:
    """Return the collection as the daemon knows it, and the key: a collection's folder has both."""
    folder = Path(order.collection)
    if order.is_vouch or not folder.is_dir():
        return order.collection, key_file
    from mirrord.collections.layout import OutputFolder
    from mirrord.collections.versions import read_current

    out = OutputFolder(folder)
    current = read_current(out)
    if current is None:
        return order.collection, key_file  # a folder that happens to have the collection's name
    return to_text(current.head.collection), key_file or out.key


def _loaded(path: Path) -> SigningKey:
    from mirrord.store.keyfile import load_key

    return SigningKey(load_key(path))


def _curators(known: Members) -> set[str]:
    return {known.collection, *(member.id for member in known.members if member.role == "curator")}


def _check_own_key(order: Order, known: Members) -> None:
    if order.policy is not None or order.says == "curator":
        what = "a policy" if order.policy is not None else "a curator"
        raise UsageError(f"{what} takes the collection's own key", "name its key file with --key, or its folder")
    if not order.is_vouch and known.node not in _curators(known):
        message = "this node's key is not a curator's"
        hint = "name a curator's key file with --key; who may only vouch says `mirrord collection vouch`"
        raise UsageError(message, hint)
    if order.is_vouch and known.node in _curators(known):
        raise UsageError("this node is a curator, and need not vouch", "say `mirrord collection admit`, or `revoke`")


def _check_key(order: Order, known: Members, key: SigningKey, path: Path) -> None:
    signer = to_text(key.public)
    name = known.name or to_short_text(from_text(known.collection))
    if signer not in _curators(known):
        hint = "the collection's own key can make it one: `mirrord collection admit --curator`"
        raise UsageError(f"{path} is neither the key of {name} nor of one of its curators", hint)
    if signer != known.collection and (order.policy is not None or order.says == "curator"):
        what = "set a policy" if order.policy is not None else "name a curator"
        raise UsageError(f"{path} is a curator's, and only the collection's own key may {what}", "use that key")


def _signed(
    order: Order, known: Members, key: SigningKey, nodes: tuple[NodeId, ...], sequences: Mapping[tuple[str, str], int]
) -> Iterator[bytes]:
    now = int(time.time())
    author, collection = to_text(key.public), CollectionId(from_text(known.collection))

    def said(subject: NodeId, grant: Grant, policy: Policy = Policy.UNSPECIFIED) -> bytes:
        admission = Admission(
            collection=collection,
            author=key.public,
            subject=subject,
            sequence=max(sequences.get((author, to_text(subject)), 0) + 1, now),
            issued_at=now,
            expires_at=order.expires_at,
            grant=grant,
            quota=order.quota if grant is Grant.VOUCHER else 0,
            policy=policy,
        )
        return sign(Kind.ADMISSION, encode_admission(admission), key)

    if order.policy is not None:
        yield said(NodeId(bytes(collection)), Grant.NONE, Policy[order.policy.name])
    for node in nodes:
        yield said(node, Grant[order.says.upper()])


def _batches(nodes: tuple[NodeId, ...]) -> Iterator[tuple[NodeId, ...]]:
    for start in range(0, len(nodes), _BATCH):
        yield nodes[start : start + _BATCH]
