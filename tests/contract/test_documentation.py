"""The documentation says what is there, in our words."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mirrord.cli.app import GROUPS, TOP
from mirrord.cli.main import main
from mirrord.config.keys import FIELDS, description_of
from mirrord.core.gossip.reached import COUNTED
from mirrord.core.statistics import Transfer
from mirrord.metrics.exposition import About, Snapshot, SnapshotCollector
from mirrord.net.reached import NetLimit
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.policy import policy_names
from mirrord.simulation.result import Bounds, Result, Sample
from mirrord.simulation.scenarios import SCENARIOS
from tests.builders import NETWORK, make_statistics

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

# One word, one meaning; a page that explains a word shows it in bold or as code.
WORDS = {
    *("collection", "curator", "manifest", "shard", "band", "demand share", "node", "peer", "swarm member"),
    *("announcement", "pledge", "claim", "holding", "replica", "target", "deficit", "surplus", "view", "plan"),
    *("settle", "yield", "release", "audit", "challenge", "proof", "verdict", "scrub", "alive", "away", "gone"),
    *("bootstrap address", "event", "effect", "command"),
}
# What other projects call things, and ours does not.
FOREIGN_WORDS = {
    r"(bit)?torrent[ -]peers?|swarm[ -]peers?": "swarm member",
    r"white-?list|black-?list": "say who is allowed or refused",
    r"replication factor": "target",
    r"leecher": "swarm member",
}


def test_every_configuration_key_is_documented() -> None:
    guide = (DOCS / "operating.md").read_text()
    assert not [key for key in FIELDS if f"`{key}`" not in guide]


def test_every_configuration_key_explains_itself_and_its_default() -> None:
    assert not [key for key in FIELDS if not re.search(r"default|Without it|The same as", description_of(key))]


def test_every_command_is_documented() -> None:
    commands = [command.name for command in TOP]
    commands += [f"{group.name} {command.name}" for group in GROUPS for command in group.commands]
    guide = (DOCS / "operating.md").read_text()
    assert not [name for name in commands if f"`mirrord {name}" not in guide]


def test_every_metric_is_documented() -> None:
    snapshot = Snapshot(make_statistics(), NETWORK, Transfer())
    told = [family.name for family in SnapshotCollector(snapshot, About("0.1.0"), 0.0).collect()]
    guide = (DOCS / "operating.md").read_text()
    ours = [name for name in told if not name.startswith("process_")]
    assert len(ours) > 50
    assert not [name for name in ours if not re.search(rf"`{name}(_total)?[`{{]", guide)]


def test_every_limit_that_is_counted_is_documented() -> None:
    guide = (DOCS / "operating.md").read_text()
    assert not [name for name in (*NetLimit, *COUNTED) if f"`{name.lower()}`" not in guide]


def test_everything_that_can_be_simulated_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (DOCS / "simulation.md").read_text()
    figures = {field.name for shape in (Result, Bounds, Sample, GossipResult) for field in fields(shape)}
    assert not [name for name in (*SCENARIOS, *policy_names(), *sorted(figures)) if f"`{name}`" not in guide]
    assert main(["simulate", "--help"]) == 0
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert not [option for option in sorted(options) if f"| `{option}" not in guide]


def test_the_sizes_of_the_scenarios_are_documented() -> None:
    rows = [row.strip("| ").split(" | ") for row in (DOCS / "simulation.md").read_text().splitlines()]
    said = {name: row[1:4] for row in rows if len(row) == 6 for name in re.findall(r"`([^`]+)`", row[0])}
    for name, scenario in SCENARIOS.items():
        copies = said[name][2].removesuffix(" or more")
        assert [*said[name][:2], copies] == [f"{scenario.nodes:,}", f"{scenario.shards:,}", f"{scenario.copies}"], name


def test_the_glossary_has_every_word() -> None:
    shown = re.findall(r"\*\*([^*]+)\*\*|`([^`]+)`|^\| ([^|]+) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    words = {part.strip(" *`").lower() for groups in shown for group in groups for part in re.split(r"[,:]", group)}
    assert not sorted(WORDS - words)


@pytest.mark.parametrize("pattern", FOREIGN_WORDS)
def test_nobody_uses_a_foreign_word_for_a_thing_of_ours(pattern: str) -> None:
    texts = [*(ROOT / "mirrord").rglob("*.py"), *(ROOT / "proto").glob("*.*"), *DOCS.rglob("*.md"), ROOT / "README.md"]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts
        if path.name != "glossary.md"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(rf"\b({pattern})\b", line, re.IGNORECASE) and "wire_pb2" not in path.name
    ]
    assert not found, f"our word is: {FOREIGN_WORDS[pattern]}"
