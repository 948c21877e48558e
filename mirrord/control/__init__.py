"""The local control interface: HTTP and JSON over a unix socket.

``shapes`` is what the command line reads and needs msgspec alone; the rest serves it.  No policy
lives here: every question is answered from one snapshot, every request goes to ``ControlApi``.
"""
