"""Shell: what a node keeps on disk.  SQLite, blobs, the key file and the folder's lock.

It obeys the core's persist effects and knows no policy: what to keep and when to forget it is
decided in :mod:`mirrord.core`.
"""
