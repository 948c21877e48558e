"""Which nodes' copies may count otherwise than before: what the record set notes, and the census reads."""

from typing import Final

from mirrord.core.records.ids import NodeId

_NOTED_MAX: Final = 20_000
"""Past so many nodes it is cheaper to look at everybody again than to remember whom."""


class Changes:
    """The nodes whose records, or whose standing, have changed since :meth:`take` was called last."""

    def __init__(self) -> None:
        self._nodes: set[NodeId] = set()
        self._everybody = False

    def of(self, node: NodeId) -> None:
        """Note one node."""
        if not self._everybody:
            self._nodes.add(node)
            if len(self._nodes) > _NOTED_MAX:
                self.of_everybody()

    def of_everybody(self) -> None:
        """Note that whoever it concerns cannot be told: a word on who counts has come or gone."""
        self._everybody = True
        self._nodes.clear()

    def take(self) -> frozenset[NodeId] | None:
        """Return whom it concerns, None for everybody, and begin anew."""
        taken = None if self._everybody else frozenset(self._nodes)
        self._nodes.clear()
        self._everybody = False
        return taken
