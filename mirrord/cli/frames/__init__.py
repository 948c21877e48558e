"""What ``mirrord top`` and ``mirrord coverage`` show: pure, from the daemon's answers to lines of text.

Names come from strangers: every text goes through ``printable`` before it is laid out.
"""
