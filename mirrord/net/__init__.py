"""The network shell: TLS streams, listener, dialer, one session per peer.

It moves frames between sockets and the node's event queue and decides nothing about their content.
"""
