"""Outside seeders: whoever seeds a collection's torrents with a plain BitTorrent client.

They are counted politely, by asking trackers and the DHT, and shown beside our replicas.  Nobody has signed or proved
them, so no replica, no plan and no coverage ever depends on them.
"""
