"""``mirrord demo``: a small network on one machine, of real daemons, that loses nodes and heals.

Everything goes through the commands and the control interface that an operator uses; nothing here
reaches into a daemon.
"""
