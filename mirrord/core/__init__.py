"""The pure core: every decision, and no I/O, no clock, no randomness, no logging.

It takes an event and the time and returns effects.  The daemon, the simulator and the tests run
this same code; the import contracts in ``pyproject.toml`` keep it pure.
"""
