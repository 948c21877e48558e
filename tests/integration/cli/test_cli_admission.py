"""The commands that say who counts: with the collection's key, a curator's, or the node's own."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mirrord.core.records.ids import CollectionId, NodeId, to_text
from mirrord.core.records.kinds import Admission, Grant, Policy
from mirrord.core.records.signing import SigningKey
from mirrord.core.statistics import CollectionStatistics
from mirrord.store.keyfile import create_key
from tests.builders import make_collection, make_node, make_shard, make_statistics
from tests.command_line import Ended, mirrord, mirrord_on_terminal
from tests.control_server import ScriptedDaemon, control_server

YEAR = 365 * 86_400
NODE = SigningKey(b"n" * 32).public
OTHER = SigningKey(b"o" * 32).public


ID = to_text(NODE)


def key_file(path: Path) -> SigningKey:
    return SigningKey(create_key(path))


@dataclass
class Curator:
    """A daemon that answers, a collection of which we have the key, and the key of a deputy."""

    folder: Path
    daemon: ScriptedDaemon
    collection: SigningKey
    deputy: SigningKey

    def run(self, *line: str, key: str = "") -> Ended:
        signed_by = ("--key", str(self.folder / key)) if key else ()
        return mirrord("collection", *line, *signed_by, folder=self.folder)

    def word(self, author: NodeId, subject: NodeId, grant: Grant, quota: int = 0) -> Admission:
        now = int(time.time())
        return Admission(CollectionId(self.collection.public), author, subject, now, now, now + YEAR, grant, quota)

    def said(self) -> list[Admission]:
        """Return every admission that it was given."""
        return [word for kind, *words in self.daemon.asked if kind == "admit" for word in words]


def known_as(collection: SigningKey, **changes: object) -> CollectionStatistics:
    return make_collection([make_shard(0)], collection=CollectionId(collection.public), **changes)


@pytest.fixture
def curator(tmp_path: Path) -> Iterator[Curator]:
    collection, deputy = key_file(tmp_path / "curator.key"), key_file(tmp_path / "deputy.key")
    key_file(tmp_path / "stranger.key")
    statistics = replace(make_statistics([known_as(collection)]), node=make_node(node=NODE))
    daemon = ScriptedDaemon([statistics])
    made = Curator(tmp_path, daemon, collection, deputy)
    daemon.words = (made.word(collection.public, deputy.public, Grant.CURATOR),)
    with control_server(tmp_path / "control.sock", daemon):
        yield made


def test_admit_signs_with_the_collections_key_for_a_year(curator: Curator) -> None:
    before = int(time.time())
    ended = curator.run("admit", "open-books", to_text(NODE), to_text(OTHER), to_text(NODE), key="curator.key")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("listed 2 nodes in open-books (")
    first, second = curator.said()
    assert (first.subject, second.subject) == (NODE, OTHER)
    assert first.author == curator.collection.public and first.grant is Grant.MEMBER
    assert 0 <= first.issued_at - before < 30 and first.sequence == first.issued_at
    assert 0 <= first.expires_at - before - YEAR < 30


def test_vouchers_curators_and_policies_are_said_with_it_too(curator: Curator) -> None:
    node = to_text(NODE)
    assert curator.run("admit", "open-books", node, "--voucher", "--quota", "7", key="curator.key").code == 0
    assert curator.run("admit", "open-books", node, "--curator", "--until", "2027-12-31", key="curator.key").code == 0
    ended = curator.run("admit", "open-books", "--policy", "vouched", key="curator.key")
    assert "is vouched from now on: whoever a curator listed or a voucher vouches for counts" in ended.out
    voucher, deputy, policy = curator.said()
    assert (voucher.grant, voucher.quota) == (Grant.VOUCHER, 7)
    assert (deputy.grant, deputy.quota, deputy.expires_at) == (Grant.CURATOR, 0, 1_830_211_200)
    assert (policy.is_policy, policy.policy, policy.grant) == (True, Policy.VOUCHED, Grant.NONE)


def test_a_word_comes_after_every_one_that_the_daemon_knows(curator: Curator) -> None:
    later = replace(curator.word(curator.deputy.public, NODE, Grant.MEMBER), sequence=2**40)
    curator.daemon.words += (later,)
    assert curator.run("revoke", "open-books", to_text(NODE), key="deputy.key").code == 0
    (word,) = curator.said()
    assert (word.author, word.grant, word.sequence) == (curator.deputy.public, Grant.REVOKED, 2**40 + 1)
    assert word.expires_at - word.issued_at > 4 * YEAR


def test_a_thousand_nodes_and_more_go_in_several_requests(curator: Curator) -> None:
    nodes = [to_text(n.to_bytes(32, "big")) for n in range(1_001)]
    done = json.loads(curator.run("admit", "open-books", *nodes, "--json", key="curator.key").out)
    assert (done["done"], done["name"]) == ("member", "open-books")
    assert [len(words) for _, *words in curator.daemon.asked] == [1_000, 1]


def test_without_a_key_file_the_node_signs_where_it_is_a_curator_or_a_voucher(curator: Curator) -> None:
    refused = curator.run("admit", "open-books", to_text(OTHER))
    assert refused.code == 2 and "this node's key is not a curator's" in refused.err and "--key" in refused.err
    vouched = curator.run("vouch", "open-books", to_text(OTHER), "--for", "30d")
    assert vouched.code == 0 and vouched.out.startswith("vouching for 1 node in open-books")
    assert curator.run("vouch", "open-books", to_text(OTHER), "--take-back").code == 0
    curator.daemon.words += (curator.word(curator.collection.public, NODE, Grant.CURATOR),)
    assert curator.run("admit", "open-books", to_text(OTHER), "--voucher").code == 0
    need_not = curator.run("vouch", "open-books", to_text(OTHER))
    assert need_not.code == 2 and "need not vouch" in need_not.err
    asked = [(subjects, grant, quota) for _, _, subjects, grant, _, quota in curator.daemon.asked]
    assert asked == [((OTHER,), Grant.MEMBER, 0), ((OTHER,), Grant.REVOKED, 0), ((OTHER,), Grant.VOUCHER, 10)]


@pytest.mark.parametrize(
    ("line", "key", "complaint", "hint"),
    [
        (("not-an-id",), "curator.key", "'not-an-id' is not a node's id", "mirrord status --json"),
        ((), "curator.key", "admit whom?", "--policy"),
        ((ID,), "stranger.key", "neither the key of open-books nor of", "--curator"),
        ((ID, "--curator"), "deputy.key", "may name a curator", "use that key"),
        (("--policy", "open"), "deputy.key", "may set a policy", "use that key"),
        (("--policy", "open"), "", "a policy takes the collection's own key", "--key"),
        ((ID, "--quota", "3"), "curator.key", "--quota is of a voucher", "--voucher"),
        ((ID, "--voucher", "--curator"), "curator.key", "exclude each other", "curator"),
        ((ID, "--until", "soon"), "curator.key", "'soon' is not a date", "2027-12-31"),
        ((ID, "--for", "9y"), "curator.key", "cannot hold until", "5 years at most"),
        ((ID, "--for", "1y", "--until", "2027-12-31"), "curator.key", "exclude each other", "give one"),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_hint(
    curator: Curator, line: tuple[str, ...], key: str, complaint: str, hint: str
) -> None:
    ended = curator.run("admit", "open-books", *line, key=key)
    assert ended.code == 2
    assert complaint in ended.err and hint in ended.err
    assert not curator.daemon.asked


def test_a_collection_that_was_not_joined_is_said_so(curator: Curator) -> None:
    ended = curator.run("admit", "old-maps", ID, key="curator.key")
    assert ended.code == 2 and "no joined collection is called 'old-maps'" in ended.err


def test_a_daemon_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    key_file(tmp_path / "curator.key")
    line = ("admit", "open-books", to_text(NODE), "--key", str(tmp_path / "curator.key"))
    ended = mirrord("collection", *line, folder=tmp_path)
    assert ended.code == 4 and "no daemon answers" in ended.err


def test_members_shows_who_counts_and_by_whom(curator: Curator) -> None:
    root = curator.collection.public
    curator.daemon.words += (
        curator.word(root, OTHER, Grant.VOUCHER, 5),
        curator.word(OTHER, NODE, Grant.MEMBER),
        curator.word(curator.deputy.public, SigningKey(b"r" * 32).public, Grant.REVOKED),
    )
    policy = curator.word(root, root, Grant.NONE)
    curator.daemon.words += (replace(policy, policy=Policy.VOUCHED),)
    lines = curator.run("members", "open-books").out.splitlines()
    assert lines[0].endswith("is vouched: whoever a curator listed or a voucher vouches for counts")
    assert [line.split()[1] for line in lines[3:5]] == ["curator", "voucher"]
    assert "1 of 5" in lines[4] and "the collection" in lines[4]
    assert lines[5].split()[:2] == [to_text(NODE), "vouched*"]
    assert "revoked" in lines[6] and "no" in lines[6].split()
    answer = json.loads(curator.run("members", "open-books", "--json").out)
    assert (answer["policy"], answer["node"]) == ("vouched", to_text(NODE))
    assert [member["role"] for member in answer["members"]] == ["curator", "voucher", "vouched", "revoked"]
    assert len(answer["words"]) == 5 and all(word["heeded"] for word in answer["words"])
    shown = mirrord_on_terminal("collection", "members", "open-books", folder=curator.folder)
    assert all(len(re.sub(r"\x1b\[\d*m", "", line)) <= 80 for line in shown.splitlines()[1:])


def test_status_and_plan_say_that_this_node_does_not_count_and_what_to_do(curator: Curator) -> None:
    (statistics,) = curator.daemon.snapshots
    collection = known_as(curator.collection, policy=Policy.LISTED, is_admitted=False)
    curator.daemon.snapshots = [replace(statistics, collections=(collection,))]
    curator.daemon.reasons_for = {}
    status = mirrord("status", folder=curator.folder).out
    assert "this node does not count here, as the collection is listed" in status
    assert "let a curator run\n  `mirrord collection admit`" in status and f"    {to_text(NODE)}\n" in status
    assert all(len(line) <= 80 for line in status.splitlines()), "also on a small terminal"
    answer = json.loads(mirrord("status", "--json", folder=curator.folder).out)
    assert [(each["policy"], each["is_admitted"]) for each in answer["collections"]] == [("listed", False)]
    assert "does not count: listed" in mirrord("collection", "list", folder=curator.folder).out
    assert "standing by: this node does not count" in mirrord("plan", folder=curator.folder).out
