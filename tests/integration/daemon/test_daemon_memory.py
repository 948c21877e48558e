"""What a daemon does not load; how much memory it takes is measured by ``python -m tests.bench``."""

from running_nodes import Nodes

NEEDLESS = {"matplotlib", "pydantic", "pygments", "rich.console", "scipy"}
"""For people, pictures and simulations; together more than a fifth of a daemon."""

ONLY_FOR_PAGES = {"http.server", "prometheus_client", "urllib.request", "wsgiref.handlers"}


def test_a_daemon_loads_nothing_that_it_does_not_need(nodes: Nodes) -> None:
    node = nodes.make("node", "1MB")
    node.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    node.start()
    loaded = modules_loaded(node.log_text())
    assert loaded >= {"libtorrent", "numpy", "trio"}
    assert sorted(loaded & (NEEDLESS | ONLY_FOR_PAGES)) == []
    assert node.metrics()["mirrord_scrape_failed"] == 0
    loaded = modules_loaded(node.log_text())
    assert loaded >= ONLY_FOR_PAGES
    assert sorted(loaded & NEEDLESS) == []


def modules_loaded(log: str) -> set[str]:
    """Return the names of the modules that Python says it has imported, a line each, indented by who asked."""
    return {line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:")}
