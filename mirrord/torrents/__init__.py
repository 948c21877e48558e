"""The BitTorrent shell: builds .torrents, and lets libtorrent move, check and seed shards.

No libtorrent object leaves this package, and nothing here decides what a node should hold.
"""
