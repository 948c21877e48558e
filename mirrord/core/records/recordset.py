"""The records of one collection: newest wins, nothing dead comes back.  (In work.)"""

from typing import NamedTuple

from mirrord.core.records.kinds import Kind


class RecordKey(NamedTuple):
    """What a record is about: a node's announcement or a collection's manifest head.

    ``subject`` is the node id or the collection id, 32 bytes.
    """

    kind: Kind
    subject: bytes
