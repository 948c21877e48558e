"""Collections: a catalogue and a folder become shards, torrents and a signed manifest, and are read back.

May import ``mirrord.torrents`` and ``mirrord.core``, nothing else of mirrord.  Everything here
streams: a folder of 86 million files is never a list in memory.
"""
