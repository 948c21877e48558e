"""What the tests of many hosts share: hosts and nodes that never outlive their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon.running_nodes import Nodes
from tests.integration.hosts.hosts import Hosts, hosts, require_hosts


@pytest.fixture(scope="session")
def permitted() -> None:
    """Skip every test here where namespaces are not permitted."""
    require_hosts()


@pytest.fixture
def network(permitted: None) -> Iterator[Hosts]:
    """Make hosts; afterwards none is left."""
    with hosts() as made:
        yield made


@pytest.fixture
def nodes(network: Hosts, tmp_path: Path) -> Iterator[Nodes]:
    """Take care of nodes, which end before the hosts they run on."""
    made = Nodes(tmp_path)
    try:
        yield made
    finally:
        made.close()
    made.assert_no_traceback()
