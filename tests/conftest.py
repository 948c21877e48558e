"""What holds for every test."""

from hypothesis import settings

# How long an example takes says something of the machine, and of what else runs on it.
settings.register_profile("mirrord", parent=settings.default, deadline=None)
settings.load_profile("mirrord")
