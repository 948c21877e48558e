"""The status page: one read-only HTML page of a daemon, for whoever has no Grafana, or only a phone.

:func:`mirrord.page.layout.render` makes it from a snapshot, without I/O; :mod:`mirrord.page.server` answers with it.
"""
