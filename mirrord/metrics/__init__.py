"""What Prometheus reads: the whole network as this node sees it, from one snapshot a scrape.

Every daemon reports every shard, so dashboards aggregate with ``max by (...)``, never ``sum``.
"""
