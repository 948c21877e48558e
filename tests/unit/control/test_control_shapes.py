"""The JSON that others have written programs against: it may grow, and change in no other way."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mirrord.control import shapes, wishes
from mirrord.control.coverage_answer import coverage_answer, events_answer
from mirrord.control.lookup import chosen_shards
from mirrord.control.members_answer import members_answer
from mirrord.control.plan_answer import plan_answer
from mirrord.control.snapshot import (
    collections_from_statistics,
    invitation_to,
    peers_from_statistics,
    shards_from_statistics,
    status_from_statistics,
)
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Verdict
from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex, to_text
from mirrord.core.records.kinds import Admission, Grant, Policy
from mirrord.core.records.roll import Member, Role, Roll
from mirrord.core.statistics import Happening, ShardRole, Transfer
from tests.builders import (
    Room,
    ScriptedReasons,
    collection_id,
    make_collection,
    make_decision,
    make_node,
    make_shard,
    make_statistics,
    node_id,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"
SHARDS = (
    make_shard(0, replicas=4),
    make_shard(1, replicas=0, role=ShardRole.FETCHING, percent=40, claims=1),
    make_shard(4, replicas=9, withdrawn_reason="rights revoked"),
)
STATISTICS = make_statistics([make_collection(SHARDS), make_collection((), "", 2, manifest_version=0)])
ENGINE = Transfer(1, 2, upload_bytes_per_second=3, download_bytes_per_second=4)
BOOKS = collection_id(1)
HELD, WITHDRAWN = make_decision(0, Verdict.KEEP, left=3.0), make_decision(4, Verdict.WITHDRAWN, detail="no rights")
FETCHED = make_decision(1, Verdict.FETCH, replicas=0.5, claims=1, rank=1, candidates=37, window=3)
REASONS: dict[CollectionId, Any] = {BOOKS: ScriptedReasons([HELD, FETCHED, WITHDRAWN])}
WANTED = make_decision(1, Verdict.BETTER_CLAIMS, replicas=0.5, claims=3, rank=4, candidates=37, window=3, better=2)
WITH_4_TB: dict[CollectionId, Any] = {
    BOOKS: ScriptedReasons([HELD, WANTED, WITHDRAWN], Room(3_600_000_000_000), Outlook(claims=(ShardIndex(1),)))
}
NOW, ROOT = 1_800_000_000, NodeId(bytes(BOOKS))
SAID = Admission(BOOKS, ROOT, node_id(2), NOW, NOW, NOW + 86_400, Grant.VOUCHER, quota=5)
ROLL = Roll(Policy.VOUCHED, (Member(node_id(2), Role.VOUCHER, True, SAID, 1),), ((SAID, True),))
ANSWERS: dict[str, shapes.Shape] = {
    "status": status_from_statistics(STATISTICS, ENGINE, "0.1.0"),
    "collections": collections_from_statistics(STATISTICS, STATISTICS.collections),
    "peers": peers_from_statistics(STATISTICS),
    "shards": shards_from_statistics(STATISTICS, chosen_shards(STATISTICS, "", "")),
    "plan": plan_answer(STATISTICS, chosen_shards(STATISTICS, "open-books", "1"), REASONS),
    "what_if": plan_answer(STATISTICS, chosen_shards(STATISTICS, "open-books", "1"), WITH_4_TB, 4 * 10**12),
    "coverage": coverage_answer(STATISTICS, STATISTICS.collections, columns=2),
    "events": events_answer(NOW, [Happening(NOW - 3.5, "claimed shard-00001: 0 of 3 replicas")]),
    "members": members_answer(STATISTICS, STATISTICS.collections[0], ROLL),
    "health": shapes.Health(status="ok"),
    "done": shapes.Done(done="checking", shards=(("a", 1),)),
    "failure": shapes.Failure(error=shapes.ErrorShape(code="usage", message="what?", hint="this")),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_json_is_what_it_was(name: str) -> None:
    """To accept a change: delete the file, run the test, read the new file, commit it."""
    path = SNAPSHOTS / f"{name}.json"
    now = json.loads(msgspec.json.encode(ANSWERS[name]))
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(now, indent=2) + "\n")
        pytest.fail(f"{path.name} was missing and has been written: read it, then commit it")
    assert now == json.loads(path.read_text())


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_comes_back_as_it_was_and_survives_fields_of_a_newer_daemon(name: str) -> None:
    shape = ANSWERS[name]
    fields: dict[str, Any] = json.loads(msgspec.json.encode(shape)) | {"from_the_future": [1, {"a": None}]}
    assert fields["schema"] == 1
    assert msgspec.json.decode(json.dumps(fields), type=type(shape)) == shape


def test_a_wish_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `shard`"):
        msgspec.json.decode(b'{"collection": "a", "shard": 3}', type=wishes.VerifyWish)


def test_degraded_follows_the_coverage() -> None:
    whole = make_statistics([make_collection([make_shard(0)])])
    assert not status_from_statistics(whole, ENGINE, "").degraded
    assert status_from_statistics(STATISTICS, ENGINE, "").degraded
    assert not status_from_statistics(make_statistics([]), ENGINE, "").degraded


def test_an_invitation_carries_the_key_the_addresses_and_the_name() -> None:
    collection = make_collection([], "Bücher & Karten/1")
    addresses = make_node().coordination
    assert invitation_to(collection, addresses) == (
        f"mirrord://{to_text(collection.collection)}?bootstrap=192.0.2.1:7700&bootstrap=[2001:db8::1]:7700"
        "&name=B%C3%BCcher%20%26%20Karten%2F1"
    )
    assert invitation_to(make_collection([], ""), ()) == f"mirrord://{to_text(collection.collection)}"
