"""The commands that look, as processes against a real control server."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirrord.cli.text import display_width
from mirrord.core.events import AddressSource
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Verdict
from mirrord.core.records.ids import Address, CollectionId, ShardIndex, to_text
from mirrord.core.statistics import Counters, Finding, Liveness, OwnAddress, ShardRole
from tests.builders import (
    MEASURES,
    Room,
    ScriptedReasons,
    collection_id,
    make_collection,
    make_decision,
    make_node,
    make_peer,
    make_shard,
    make_statistics,
    node_id,
)
from tests.command_line import COMMAND, ROOT, clean_environment, mirrord, mirrord_on_terminal
from tests.control_server import ScriptedDaemon, ask, control_server

ESCAPE = re.compile(r"\x1b\[\d*m")
HOSTILE = "evil \x1b]0;owned\x07\x1b[2J\n\u202e" + "本" * 30
LONG = "a reason that goes on and on, so that no terminal could show it on one line without breaking it"


def serve(path: Path, *snapshots: object, **more: Any) -> ScriptedDaemon:
    return ScriptedDaemon(list(snapshots), **more)  # type: ignore[arg-type]


def whole() -> object:
    return make_statistics([make_collection([make_shard(i) for i in range(6)])])


def hostile() -> object:
    shards = [
        make_shard(i, replicas=i % 7, name=HOSTILE, withdrawn_reason=HOSTILE if i == 3 else "") for i in range(40)
    ]
    peers = [make_peer(2, operator=HOSTILE, agent=HOSTILE), make_peer(3, liveness=Liveness.GONE, addresses=())]
    node = make_node(fetching_paused="disk full: " + HOSTILE)
    return make_statistics([make_collection(shards, HOSTILE)], peers, node)


def hostile_reasons() -> dict[CollectionId, ScriptedReasons]:
    details = [make_decision(i, Verdict.WITHDRAWN, detail=LONG + HOSTILE) for i in range(40)]
    return {collection_id(1): ScriptedReasons(details)}


@pytest.mark.parametrize("target", ["status", "peers", "shards", "plan"])
def test_json_is_what_the_daemon_says(tmp_path: Path, target: str) -> None:
    with control_server(tmp_path / "control.sock"):
        ended = mirrord(target, "--json", folder=tmp_path)
        assert json.loads(ended.out) == ask(tmp_path / "control.sock", "GET", f"/v1/{target}")[1]
    assert ended.err == ""


def test_status_tells_the_node_the_collection_and_the_bands(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        ended = mirrord("status", folder=tmp_path)
    assert ended.out.splitlines() == [
        f"node {to_text(node_id(1))[:8]}  mirrord 0.1.0  192.0.2.1:7700, [2001:db8::1]:7700",
        "  disk      400 GB used of 1 TB pledged (40.0 %), 2.5 TB free",
        "  peers     3 alive, 1 away, 0 gone; 2 sessions",
        "  transfer  up 1.25 MB/s (5 GB), down 12.5 MB/s (400 GB) since the start",
        "",
        f"collection open-books  {to_text(collection_id(1))[:8]}  version 1  10 shards, 1 TB",
        "  here      2 shards, 200 GB",
        "  network   4 holders",
        "  copies    2 to 6 of each shard; 1 shard (100 GB) below target",
        "  demand    1+ 100 %  2+ 100 %  3+ 99.9 %  target 99.9 %",
        "  verified  no audits yet: a copy counts because its holder says so",
        "  missing   100 GB: whole in 6 h if it goes on so",
        "  losses    1.69 shards a year expected, by what was seen here so far",
        "",
        "  band    shards   bytes  demand  0  1  2  3  4  5+  at target",
        "  head         1  100 GB  50.0 %  -  -  -  1  -   -          1",
        "  upper        1  100 GB  25.0 %  -  -  -  -  1   -          1",
        "  middle       1  100 GB  12.5 %  -  -  -  -  -   1          1",
        "  tail         1  100 GB   6.2 %  -  -  -  -  -   1          1",
        "  zero         6  600 GB   6.1 %  -  -  1  2  1   2          5",
    ]
    assert (ended.code, ended.err) == (3, "")


def test_the_exit_code_says_whether_the_coverage_is_whole(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock", serve(tmp_path, whole())):
        assert [mirrord(line, folder=tmp_path).code for line in ("status", "shards", "peers", "plan")] == [0] * 4
    with control_server(tmp_path / "control.sock"):
        assert [mirrord(line, folder=tmp_path).code for line in ("status", "shards", "peers", "plan")] == [3, 3, 0, 0]


def test_copies_that_do_not_count_and_repairs_that_nobody_can_time_are_said(tmp_path: Path) -> None:
    shards, slow = [make_shard(0, replicas=1, stale=2), make_shard(1)], replace(MEASURES, repair_bytes_per_second=None)
    told = make_statistics([make_collection(shards, measures=slow)])
    with control_server(tmp_path / "control.sock", serve(tmp_path, told)):
        status, listed = shown(tmp_path), mirrord("shards", folder=tmp_path).out.splitlines()
    assert "  stale     2 copies on nodes that fell silent: not counted\n" in status
    assert "  missing   200 GB: nobody can tell yet how long it takes\n" in status
    assert [line.split()[-4:-1] for line in listed[2:]] == [["1/3", "2", "-"], ["3/3", "-", "-"]]
    with control_server(tmp_path / "control.sock", serve(tmp_path, whole())):
        assert not re.search("stale|missing", shown(tmp_path) + mirrord("shards", folder=tmp_path).out)


def test_status_says_whether_others_get_through(tmp_path: Path) -> None:
    addresses = (
        OwnAddress(Address("192.0.2.1", 7700), Finding.REACHED, 3, announced=True),
        OwnAddress(Address("2001:db8::1", 7700), Finding.NOT_REACHED, 0, announced=True),
        OwnAddress(Address("192.0.2.2", 7700), Finding.NOT_PROBED, 0, announced=False),
        OwnAddress(Address("10.0.0.9", 7700), Finding.LOCAL, 0, announced=True),
    )
    told = make_statistics(node=make_node(own_addresses=addresses))
    with control_server(tmp_path / "control.sock", serve(tmp_path, told)):
        assert [line for line in shown(tmp_path).splitlines() if "reach" in line or "dials" in line] == [
            "  reachable yes (3 peers): 192.0.2.1:7700",
            "  reachable no: [2001:db8::1]:7700",
            "            nobody gets through to it: is the port forwarded? It dials out all the same",
            "  reachable not known yet: 192.0.2.2:7700",
        ]
    at_home = make_statistics(node=make_node(own_addresses=addresses[3:]))
    with control_server(tmp_path / "control.sock", serve(tmp_path, at_home)):
        assert "  reachable in its own network; no public address is known\n" in shown(tmp_path)


def test_status_says_who_told_us_of_peers_and_whether_the_dht_is_there(tmp_path: Path) -> None:
    found = {AddressSource.DHT: 1_200, AddressSource.LOCAL_NETWORK: 2}
    told = make_statistics(counters=Counters(addresses_found=found))
    with control_server(tmp_path / "control.sock", serve(tmp_path, told)) as daemon:
        daemon.dht_nodes = 1
        assert "  found     1,200 dht, 2 local network, the DHT is there (1 node)\n" in shown(tmp_path)
        daemon.dht_nodes = 0
        assert "  found     1,200 dht, 2 local network\n" in shown(tmp_path)
    with control_server(tmp_path / "control.sock", serve(tmp_path, make_statistics(counters=Counters()))):
        assert "found" not in shown(tmp_path)


def shown(folder: Path) -> str:
    return mirrord("status", folder=folder).out


def test_nothing_joined_and_nothing_known_is_said(tmp_path: Path) -> None:
    empty = make_statistics([], [])
    waiting = make_statistics([make_collection([], "", manifest_version=0)])
    with control_server(tmp_path / "control.sock", serve(tmp_path, empty)):
        assert "mirrord collection join" in mirrord("status", folder=tmp_path).out
        for line in (["peers"], ["shards"], ["plan"], ["collection", "list"]):
            ended = mirrord(*line, folder=tmp_path)
            assert (ended.code, ended.out) == (0, "")
            assert ended.err.count("\n") == 1
    with control_server(tmp_path / "control.sock", serve(tmp_path, waiting)):
        assert "waiting for its manifest" in mirrord("status", folder=tmp_path).out


def test_shards_can_be_narrowed_to_those_in_need(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        lines = mirrord("shards", "--below-target", folder=tmp_path).out.splitlines()
        assert [line.split()[0] for line in lines[2:]] == ["9"]
        assert "2/3" in lines[2]
        shards = json.loads(mirrord("shards", "--below-target", "--json", folder=tmp_path).out)["shards"]
        assert [shard["index"] for shard in shards] == [9]


def test_plan_says_why_for_all_or_for_one(tmp_path: Path) -> None:
    claimed = make_shard(1, role=ShardRole.CLAIMED)
    withdrawn = make_shard(2, withdrawn_reason="rights unclear")
    statistics = make_statistics([make_collection([make_shard(0), claimed, withdrawn])])
    decisions = [
        make_decision(0, Verdict.KEEP, replicas=4.0, target=4, left=3.0),
        make_decision(1, Verdict.SETTLE, replicas=1.5, rank=1, candidates=9, detail="40 s"),
        make_decision(2, Verdict.WITHDRAWN, detail="rights unclear"),
    ]
    why = {collection_id(1): ScriptedReasons(decisions)}
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics, reasons_for=why)):
        assert mirrord("plan", folder=tmp_path).out.splitlines() == [
            f"collection open-books  {to_text(collection_id(1))[:8]}",
            "shard  name            copies  here     why",
            "    0  shard-00000        4/4  held     keeping: release would leave 3 of 4",
            "    1  shard-00001      1.5/3  claimed  claimed: 1.5 of 3 copies, your rank 1 of 9; 40 s left for better"
            " claims to show",
            "    2  shard-00002  withdrawn  -        withdrawn by the curator: rights unclear",
        ]
        one = mirrord("plan", "shard-00001", folder=tmp_path).out
        assert "your rank 1 of 9" in one and "shard-00000" not in one
        assert mirrord("plan", "7", folder=tmp_path).code == 2
        assert mirrord("plan", "--collection", "none", folder=tmp_path).code == 2


# --- what another pledge would change --------------------------------------------------------------


def supposing(outlook: Outlook, room: Room, *verdicts: Verdict) -> dict[CollectionId, ScriptedReasons]:
    decisions = [make_decision(i, verdict, rank=i + 1, candidates=9) for i, verdict in enumerate(verdicts)]
    return {collection_id(1): ScriptedReasons(decisions, room, outlook)}


def some(*indexes: int) -> tuple[ShardIndex, ...]:
    return tuple(ShardIndex(index) for index in indexes)


USED = 400 * 10**9
"""What the node of the snapshots uses."""


def test_what_if_shows_first_what_would_be_claimed_and_changes_nothing(tmp_path: Path) -> None:
    verdicts = (Verdict.KEEP, Verdict.OUTRANKED, Verdict.NO_ROOM, Verdict.BUSY)
    why = supposing(Outlook(claims=some(3, 1)), Room(4 * 10**12 - USED), *verdicts)
    statistics = make_statistics([make_collection([make_shard(i) for i in range(4)])])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics, reasons_for=why)) as daemon:
        ended = mirrord("plan", "--what-if", "pledge=4TB", folder=tmp_path)
        lines = ended.out.splitlines()
        assert (ended.code, ended.err) == (0, "")
        assert lines[:2] == ["with 4 TB: 2 more shards would be claimed, most urgent first", ""]
        assert [line.split()[0] for line in lines[4:]] == ["3", "1", "0", "2"]
        assert "claiming: 3 of 3 copies, your rank 4 of 9" in lines[4]
        fields = json.loads(mirrord("plan", "--what-if", "pledge=4TB", "--json", folder=tmp_path).out)
        assert fields["what_if"]["pledge_bytes"] == 4 * 10**12
        assert [index for _, index in fields["what_if"]["claims"]] == [3, 1]
        assert [shard["index"] for shard in fields["shards"]] == [0, 1, 2, 3]
        one = mirrord("plan", "3", "--what-if", " pledge = 4 TB", folder=tmp_path).out
        assert one.startswith("with 4 TB: 2 more") and "shard-00001" not in one
    assert daemon.supposed == [4 * 10**12] * 3 and daemon.asked == []


@pytest.mark.parametrize(
    ("pledge", "outlook", "room", "verdict", "said"),
    [
        ("4TB", Outlook(claims=some(1)), Room(3_600 * 10**9), Verdict.CLAIM, "1 more shard would be claimed"),
        (
            "4TB",
            Outlook(claims=some(1, 2)),
            Room(150 * 10**9),
            Verdict.CLAIM,
            "2 more shards would be claimed, most urgent first; the disk has room for 150 GB",
        ),
        (
            "4TB",
            Outlook(),
            Room(3_600 * 10**9),
            Verdict.ENOUGH,
            "nothing more would be claimed: every shard has its copies, or they are on their way",
        ),
        (
            "4TB",
            Outlook(),
            Room(3_600 * 10**9),
            Verdict.OUTRANKED,
            "nothing more would be claimed: others come first for what lacks copies",
        ),
        ("4TB", Outlook(), Room(3_600 * 10**9), Verdict.PAUSED, "nothing more would be claimed for now"),
        (
            "401GB",
            Outlook(),
            Room(10**9),
            Verdict.NO_ROOM,
            "nothing more would be claimed: what lacks copies does not fit",
        ),
        (
            "200GB",
            Outlook(releases=some(0, 5, 7), kept=some(1, 2, 3, 4, 6)),
            Room(0, 200 * 10**9),
            Verdict.KEEP_NEEDED,
            "3 shards could be given up, 5 must stay: the network has no other copies",
        ),
        (
            "200GB",
            Outlook(releases=some(0), kept=some(1), pinned=some(2)),
            Room(0, 200 * 10**9),
            Verdict.KEEP_NEEDED,
            "1 shard could be given up, 1 must stay: the network has no other copies, 1 you pinned",
        ),
        (
            "0",
            Outlook(kept=some(1, 2)),
            Room(0, USED),
            Verdict.KEEP_NEEDED,
            "2 shards must stay: the network has no other copies",
        ),
        ("0", Outlook(pinned=some(1, 2)), Room(0, USED), Verdict.KEEP_PINNED, "2 shards you pinned"),
        (
            "300GB",
            Outlook(releases=some(0)),
            Room(0, 100 * 10**9),
            Verdict.SPARE,
            "1 shard could be given up, and the rest fits",
        ),
        ("300GB", Outlook(), Room(0, 10**11), Verdict.FETCH, "100 GB too many are in use, and nothing is held that"),
    ],
)
def test_what_if_begins_with_what_comes_of_it(
    tmp_path: Path, pledge: str, outlook: Outlook, room: Room, verdict: Verdict, said: str
) -> None:
    why = supposing(outlook, room, *[verdict] * 8)
    statistics = make_statistics([make_collection([make_shard(i) for i in range(8)])])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics, reasons_for=why)):
        first = mirrord("plan", "--what-if", f"pledge={pledge}", folder=tmp_path).out.splitlines()[0]
    assert first.startswith("with ") and f": {said}" in first
    assert first.endswith(said) or said.endswith("that")


@pytest.mark.parametrize(
    ("what_if", "said"),
    [
        ("4TB", "'4TB' says no KEY=VALUE"),
        ("", "says no KEY=VALUE"),
        ("upload=4MB", "'upload=4MB': no such key"),
        ("=4TB", "no such key"),
        ("pledge=", "'' is not a size"),
        ("pledge=4T", "'4T' is not a size"),
        ("pledge=-1GB", "'-1GB' is not a size"),
        ("pledge=10EB", "more than any disk holds"),
        ("\x1b[31m=1", "\\x1b[31m"),
    ],
)
def test_a_supposition_that_says_nothing_is_refused_in_a_line_and_a_hint(
    tmp_path: Path, what_if: str, said: str
) -> None:
    with control_server(tmp_path / "control.sock") as daemon:
        ended = mirrord("plan", "--what-if", what_if, folder=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    complaint, hint = ended.err.splitlines()
    assert complaint.startswith("error: ") and said in complaint and hint.startswith("hint: ")
    assert daemon.supposed == []


# --- leaving --------------------------------------------------------------------------------------


def test_a_collection_that_is_being_left_is_shown_so_everywhere(tmp_path: Path) -> None:
    until = "2027-01-22 08:00 UTC"
    leaving = make_collection([make_shard(0), make_shard(1)], leaving_by=1_800_604_800)
    with control_server(tmp_path / "control.sock", serve(tmp_path, make_statistics([leaving]))):
        assert f"  leaving, seeds until {until} at most" in mirrord("status", folder=tmp_path).out
        assert f"leaving, seeds until {until} at most" in mirrord("collection", "list", folder=tmp_path).out
        shown = mirrord_on_terminal("collection", "list", folder=tmp_path)
        assert [text for text in ESCAPE.sub("", shown).splitlines() if display_width(text) > 80] == []
        plan = mirrord("plan", folder=tmp_path).out
        assert f"seeded until {until} at most" in plan and "nothing more is fetched" in plan
        what_if = mirrord("plan", "--what-if", "pledge=4TB", folder=tmp_path).out
        assert what_if.startswith("with 4 TB: nothing more would be claimed: what is joined is being left\n")


@pytest.mark.parametrize("line", [["status"], ["peers"], ["shards"], ["plan"], ["collection", "list"]], ids=" ".join)
def test_nothing_that_strangers_wrote_steers_a_terminal_or_breaks_a_line_of_80(tmp_path: Path, line: list[str]) -> None:
    with control_server(tmp_path / "control.sock", serve(tmp_path, hostile(), reasons_for=hostile_reasons())):
        shown = mirrord_on_terminal(*line, folder=tmp_path)
    bare = ESCAPE.sub("", shown)
    assert "\x1b[" in shown, "a terminal gets colours"
    assert not [c for c in bare if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
    assert "\u202e" not in bare
    if line != ["status"]:
        assert [text for text in bare.splitlines()[1:] if display_width(text) > 80] == []


def test_colour_is_for_terminals_that_want_it(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        assert "\x1b[" not in mirrord("status", folder=tmp_path).out
        assert "\x1b[" in mirrord_on_terminal("status", folder=tmp_path)
        assert "\x1b[" not in mirrord_on_terminal("status", folder=tmp_path, environment={"NO_COLOR": "1"})
        assert "\x1b[" not in mirrord_on_terminal("status", folder=tmp_path, environment={"TERM": "dumb"})


def test_an_output_that_cannot_hold_a_name_gets_it_escaped(tmp_path: Path) -> None:
    statistics = make_statistics([make_collection([make_shard(0)], "Bücher")])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics)):
        ended = mirrord("status", folder=tmp_path, environment={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0 and r"collection B\xfccher" in ended.out


def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path: Path) -> None:
    statistics = make_statistics([make_collection([make_shard(i) for i in range(3000)])])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics)):
        process = subprocess.Popen(
            [*COMMAND, "shards", "--folder", str(tmp_path)],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        with process.stderr as complaints:
            assert complaints.read() == b""
        process.wait(timeout=30)
