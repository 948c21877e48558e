"""The bounds of what is asked, and of what is believed, about outside seeders."""

from typing import Final

TRACKERS_MAX: Final = 8
"""Trackers to ask: an operator names them by hand, and most seeders tell several."""

SCRAPE_HASHES_MAX: Final = 74
"""Torrents in one scrape: what fits into one UDP packet (BEP 15)."""

SCRAPE_REPLY_MAX_BYTES: Final = 64 * 1024
"""A tracker's answer over HTTP: 74 torrents with long names take a tenth of it."""

SWARM_MEMBERS_MAX: Final = 1_000
"""Swarm members that one lookup in the DHT takes in.  Each DHT node tells a hundred at most, and anybody can put
there as many as he likes; whoever has so many copies needs no help."""

SEEDERS_MAX: Final = 10_000
"""Outside seeders of one shard that are believed to be there: more is kept as so many."""

ANSWER_SECONDS: Final = 120.0
"""A question that was not answered so long after it should have been never will be."""
