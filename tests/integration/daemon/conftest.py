"""What the tests of whole daemons share: nodes that never outlive their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_nodes import Nodes


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Make nodes in the test's folder; afterwards every process is gone, and none ever wrote a traceback."""
    made = Nodes(tmp_path)
    try:
        yield made
    finally:
        made.close()
    made.assert_no_traceback()
