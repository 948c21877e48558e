"""Every target, by its label; what the tests and `make fuzz` go through."""

from typing import Final

from tests.fuzz import (
    collection_targets,
    config_targets,
    discovery_targets,
    http_targets,
    record_targets,
    session_targets,
    store_targets,
    text_targets,
    torrent_targets,
    wire_targets,
)
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.label: target
    for table in (
        record_targets.TARGETS,
        wire_targets.TARGETS,
        text_targets.TARGETS,
        torrent_targets.TARGETS,
        store_targets.TARGETS,
        config_targets.TARGETS,
        http_targets.TARGETS,
        discovery_targets.TARGETS,
        collection_targets.TARGETS,
        session_targets.TARGETS,
    )
    for target in table
}
