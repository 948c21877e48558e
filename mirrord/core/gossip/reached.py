"""The limits that the core counts each time they bite."""

from collections import Counter
from typing import Final

COUNTED: Final = (
    "ADDRESSES_FOUND_MAX",
    "ADDRESSES_NOT_PUBLIC_MAX",
    "ADDRESSES_PER_NEIGHBOURHOOD_MAX",
    "ADDRESS_BOOK_MAX",
    "ADDRESSES_FOUND_BURST",
    "ANSWER_MAX_BYTES",
    "BLOB_WAIT_SECONDS",
    "PROBES_BURST",
    "PROBES_MAX",
    "RECORDS_MAX_BYTES",
    "RECORDS_PER_COLLECTION_MAX",
    "VOUCHES_MAX",
    "RELAYS_BURST",
    "ROUND_MESSAGES_BURST",
    "SESSION_PROBES_BURST",
    "SESSION_RELAYS_BURST",
)
"""By their names in ``limits.py``."""


def counts_from_zero() -> Counter[str]:
    """Return a count for each, so that one which never bit shows as that and not as missing."""
    return Counter(dict.fromkeys(COUNTED, 0))
