"""The last things that happened on this node, in words for people: for the status page and the command line."""

from collections import deque
from collections.abc import Callable
from typing import Final

from mirrord.core.statistics import Happening as Happening
from mirrord.core.wording import bounded

HAPPENINGS_MAX: Final = 200
"""What a person may want to read back; the log has the rest."""

TEXT_MAX_CHARACTERS: Final = 240
"""Of one: a terminal's line or two.  What is longer is cut, as much of it may be a stranger's words."""


class Happenings:
    """Keeps the newest; ``clock`` tells unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: deque[Happening] = deque(maxlen=HAPPENINGS_MAX)

    def add(self, text: str) -> None:
        """Keep that something has happened now.  What happens again, and nothing else between, is kept once."""
        shown = bounded(text, TEXT_MAX_CHARACTERS)
        if self._kept and self._kept[-1].text == shown:
            self._kept.pop()
        self._kept.append(Happening(self._clock(), shown))

    def recent(self) -> tuple[Happening, ...]:
        """Return what is kept, the newest last."""
        return tuple(self._kept)
