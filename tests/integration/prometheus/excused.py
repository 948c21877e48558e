"""Alerts that this network cannot bring about, each with the reason.  One that fires all the same fails the proof."""

from collections.abc import Mapping
from typing import Final

UNFIRED: Final[Mapping[str, str]] = {
    "MirrordAuditsFailing": "this version does not audit",
    "MirrordKeyElsewhere": "two daemons with one key are an equivocation, after which the key is of no use to anybody",
    "MirrordClockWrong": "daemons read the machine's clock, which is not a test's to set",
    "MirrordClockSkewed": "daemons read the machine's clock, which is not a test's to set",
}

UNCRAMMED: Final[Mapping[str, str]] = {
    "MirrordFetchingPaused": "no small file system can be mounted here, so no disk is full",
}
"""Where the network ``can_cram`` these fire, too."""

RESTLESS: Final[Mapping[str, str]] = {
    "MirrordDaemonsNeverAgree": "in demo timing every node announces itself each two seconds, so tables always differ",
    "MirrordLossesExpected": "in demo timing a node lasts two minutes in the mean, so within a year everything is lost",
}
"""Alerts that fire in trouble, and may fire before and after it."""

UNANSWERED: Final[Mapping[str, str]] = {
    "network: Limits that bite": "so small a network reaches no limit",
}
"""Queries of dashboards that find nothing in this network.  One that finds something all the same fails the proof."""
