"""The time, as the core is told it.

Nothing in the core reads a clock: a shell makes an ``Instant`` and passes it in.  Deadlines are
monotonic seconds, what is signed is unix seconds, and the two are never compared.
"""

from typing import NamedTuple


class Instant(NamedTuple):
    """One moment on both clocks.

    ``monotonic_seconds`` only ever grows and has no meaning outside this process;
    ``unix_seconds`` is wall time, may jump, and is what other nodes understand.
    """

    monotonic_seconds: float
    unix_seconds: float

    def later(self, seconds: float) -> "Instant":
        """Return the moment ``seconds`` after this one."""
        return Instant(self.monotonic_seconds + seconds, self.unix_seconds + seconds)
