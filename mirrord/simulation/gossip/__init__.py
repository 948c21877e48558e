"""The gossip simulator: up to tens of thousands of nodes that run the real anti-entropy, in virtual time.

Who has which edition of whose record is one matrix, and an exchange between two nodes is two of its rows.
The messages, their bytes and what they lead to are those of :mod:`mirrord.core.gossip.reconcile`; who
speaks with whom, and when, is modelled on :mod:`mirrord.core.gossip`.
"""
