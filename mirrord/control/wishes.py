"""What a POST may ask of the daemon, as JSON; grows as :mod:`shapes` does."""

import msgspec


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a POST; an unknown field is refused, as it would silently do less than was asked.

    What is as by default is not sent, so that an older daemon does what it can.
    """


class JoinWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/join``."""

    invitation: str


class ImportWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/import``: absolute folders, read by the daemon."""

    path: str
    adopt: str = ""


class LeaveWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/leave``: a name, an id or the beginning of an id.

    With ``within_seconds`` gracefully: nothing more is fetched, and what is held is seeded until the network
    has its copies without us, or until so many seconds are over.  0 is at once.
    """

    collection: str
    delete_files: bool = False
    within_seconds: int = 0


class AdmitWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/admit``: admissions that were signed elsewhere, as base64."""

    envelopes: tuple[bytes, ...]


class SignWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/sign``: the node's own key is to say what these nodes are in a collection.

    ``says`` is member, voucher or revoked; ``expires_at`` is unix seconds.
    """

    collection: str
    nodes: tuple[str, ...]
    says: str
    expires_at: int
    quota: int = 0


class VerifyWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/shards/verify``: all that is held, of one collection or of all, or the shards named."""

    collection: str = ""
    shards: tuple[int | str, ...] = ()


class AdoptWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/shards/adopt``: an absolute folder that has the shards' folders in it."""

    collection: str
    folder: str


class PledgeWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/pledge``."""

    pledge_bytes: int


class PortWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/port``: where peers, and where swarm members reach this node; 0 leaves a port as it is."""

    coordination: int = 0
    bittorrent: int = 0


class StopWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/stop``."""
