"""Bands: ranges of popularity, so that reports can speak of thousands of shards in five words.

Shards are taken most popular first; a shard's band is where the demand carried by the shards
before it ends.  The bounds follow real catalogues: 0.1 % of the items carry most of the demand,
37 % carry 99.6 % of it, and over 70 % have none.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mirrord.core.records.kinds import Shard


class Band(StrEnum):
    """From the most wanted to what nobody has asked for yet."""

    HEAD = "head"
    UPPER = "upper"
    MIDDLE = "middle"
    TAIL = "tail"
    ZERO = "zero"


_ENDS_PPB: Final = ((Band.HEAD, 500_000_000), (Band.UPPER, 900_000_000), (Band.MIDDLE, 990_000_000))


def by_popularity(shards: Sequence[Shard]) -> list[int]:
    """Return the places of the shards in the order of their popularity rank, the most popular first."""
    return sorted(range(len(shards)), key=lambda i: (-shards[i].popularity_max, -shards[i].demand_ppb, i))


def band_of_shards(shards: Sequence[Shard]) -> tuple[Band, ...]:
    """Return the band of every shard, in the order given.

    ``head`` begins in the first half of all demand, ``upper`` before 90 %, ``middle`` before 99 %,
    ``tail`` has some popularity left and ``zero`` none.
    """
    bands = [Band.ZERO] * len(shards)
    before_ppb = 0
    for i in by_popularity(shards):
        if shards[i].popularity_max > 0 or shards[i].demand_ppb > 0:
            bands[i] = next((band for band, end in _ENDS_PPB if before_ppb < end), Band.TAIL)
        before_ppb += shards[i].demand_ppb
    return tuple(bands)
