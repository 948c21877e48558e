"""The golden vectors: they are made anew byte for byte, and this implementation reads them as they say."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import MirrordError, RecordError, RejectReason, RemoteProtocolError, UsageError
from mirrord.core.gossip.fingerprints import Fingerprints, bits_for, bucket_of
from mirrord.core.gossip.liveness import presence
from mirrord.core.gossip.rendezvous import days_of, rendezvous
from mirrord.core.placement.domains import Domains, subnet_of
from mirrord.core.placement.keys import day_of, key_of, mix, node_hash, salt, shard_hash, weight_of
from mirrord.core.placement.replicas import Worth, count_one
from mirrord.core.placement.targets import credible_pledges, targets
from mirrord.core.records.codec import (
    decode_admission,
    decode_announcement,
    decode_manifest_body,
    decode_manifest_head,
    encode_admission,
    encode_announcement,
    encode_manifest_body,
    encode_manifest_head,
)
from mirrord.core.records.ids import (
    Address,
    CollectionId,
    NodeId,
    Sha256,
    ShardIndex,
    from_text,
    to_short_text,
    to_text,
)
from mirrord.core.records.invitation import format_invitation, parse_invitation
from mirrord.core.records.kinds import Equivocation, Kind, ManifestBody, ManifestHead, Shard
from mirrord.core.records.record import RecordKey, fingerprint, make_record, open_record, record_id
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import SigningKey, sign, verify
from mirrord.core.timing import PROFILES
from mirrord.core.wire import messages as wire
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, frame

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "proto" / "vectors"
Case = dict[str, Any]


def cases(file: str) -> list[Any]:
    vectors: list[Case] = json.loads((FOLDER / f"{file}.json").read_text(encoding="utf-8"))["vectors"]
    return [pytest.param(case, id=case["name"]) for case in vectors]


def unhex(value: str | list[list[Any]]) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    return b"".join(bytes.fromhex(part) * times for part, times in value)


def plain(value: Any) -> Any:
    """Return a value of ours as the vectors show it."""
    match value:
        case bytes():
            return value.hex()
        case Address():
            return str(value)
        case ShardSet():
            return list(value)
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case _:
            return value


def check(case: Case, read: Callable[[bytes], Any]) -> Any:
    """Read a case's bytes; return what they mean, or None where they are refused as they should be."""
    data = unhex(case["bytes"])
    if "reject" not in case:
        return read(data)
    with pytest.raises(MirrordError) as caught:
        read(data)
    error = caught.value
    if case["reject"] == "protocol":
        assert isinstance(error, RemoteProtocolError)
    else:
        assert isinstance(error, RecordError)
        assert error.reason.value == case["reject"]
    return None


def test_generation_is_identical(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "proto" / "make_vectors.py"), str(tmp_path)], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert sorted(made) == sorted(kept)
    differing = [name for name in made if made[name] != kept[name]]
    assert not differing, "run `python proto/make_vectors.py` and commit what it writes"


def test_every_file_has_names_that_are_unique_and_cases_that_are_read_here() -> None:
    source = Path(__file__).read_text()
    for path in FOLDER.iterdir():
        names = Counter(case.values[0]["name"] for case in cases(path.stem))
        assert names
        assert not [name for name, count in names.items() if count > 1]
        assert f'cases("{path.stem}")' in source


def test_every_reason_to_reject_a_record_has_a_vector_that_gives_it() -> None:
    all_cases = [case.values[0] for path in FOLDER.iterdir() for case in cases(path.stem)]
    given = {case["reject"] for case in all_cases if "reject" in case}
    given |= {step["expect"] for case in all_cases for step in case.get("steps", []) if "expect" in step}
    assert given == {*(reason.value for reason in RejectReason), "accepted", "protocol", "usage"}


@pytest.mark.parametrize("case", cases("identities"))
def test_identities(case: Case) -> None:
    if "reject" in case:
        with pytest.raises(UsageError):
            from_text(case["text"])
        return
    value = bytes.fromhex(case["value"])
    assert from_text(case["text"]) == value
    if "seed" in case:
        assert SigningKey(bytes.fromhex(case["seed"])).public == value
        assert (to_text(value), to_short_text(value)) == (case["text"], case["short"])


@pytest.mark.parametrize("case", cases("invitations"))
def test_invitations(case: Case) -> None:
    if "reject" in case:
        with pytest.raises(UsageError):
            parse_invitation(case["text"])
        return
    invitation = parse_invitation(case["text"])
    assert plain(asdict(invitation)) == case["value"]
    assert (format_invitation(invitation) == case["text"]) is case["canonical"]


@pytest.mark.parametrize("case", cases("envelopes"))
def test_envelopes(case: Case) -> None:
    signed = check(case, verify)
    if signed is None:
        return
    value = case["value"]
    assert signed.kind == value["kind"]
    assert signed.author.hex() == value["author_key"]
    assert signed.body == unhex(value["body"])
    assert signed.envelope == unhex(value["envelope"])


@pytest.mark.parametrize("case", [c for c in cases("envelopes") if "value" in c.values[0]])
def test_what_we_sign_is_what_the_vectors_say(case: Case) -> None:
    value = case["value"]
    keys = [SigningKey(bytes.fromhex(c.values[0]["seed"])) for c in cases("identities") if "seed" in c.values[0]]
    key = next(key for key in keys if key.public.hex() == value["author_key"])
    envelope = sign(Kind(value["kind"]), unhex(value["body"]), key)
    assert envelope == unhex(value["envelope"])
    assert envelope.endswith(key.sign(unhex(value["preimage"])))


@pytest.mark.parametrize("case", cases("announcements"))
def test_announcements(case: Case) -> None:
    announcement = check(case, decode_announcement)
    if announcement is None:
        return
    assert plain(asdict(announcement)) == case["value"]
    assert decode_announcement(encode_announcement(announcement)) == announcement


@pytest.mark.parametrize("case", cases("manifest_heads"))
def test_manifest_heads(case: Case) -> None:
    head = check(case, decode_manifest_head)
    if head is None:
        return
    assert plain(asdict(head)) == case["value"]
    assert decode_manifest_head(encode_manifest_head(head)) == head


@pytest.mark.parametrize("case", cases("manifest_bodies"))
def test_manifest_bodies(case: Case) -> None:
    body = check(case, decode_manifest_body)
    if body is None:
        return
    assert plain(asdict(body)) == case["value"]
    assert decode_manifest_body(encode_manifest_body(body)) == body


@pytest.mark.parametrize("case", cases("holdings"))
def test_holdings(case: Case) -> None:
    held = check(case, ShardSet.decode)
    if held is None:
        return
    assert list(held) == case["value"]
    assert ShardSet.decode(held.encode()) == held


@pytest.mark.parametrize("case", cases("admissions"))
def test_admissions(case: Case) -> None:
    curator = next(c.values[0]["value"] for c in cases("identities") if c.values[0]["name"] == "collection music")
    admission = check(case, lambda body: decode_admission(body, NodeId(bytes.fromhex(curator))))
    if admission is None:
        return
    assert plain(asdict(admission)) == case["value"]
    assert decode_admission(encode_admission(admission), admission.author) == admission


@pytest.mark.parametrize("case", cases("equivocations"))
def test_equivocations(case: Case) -> None:
    record = check(case, open_record)
    if record is None:
        return
    content = record.content
    assert isinstance(content, Equivocation)
    shown = asdict(content) | {"collections": sorted(content.collections), "envelope": record.envelope}
    assert plain(shown) == case["value"]


@pytest.mark.parametrize("case", cases("acceptance"))
def test_acceptance(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDS_PER_COLLECTION_MAX", case["records_max"])
    records = RecordSet(case["dead_band_seconds"])
    collection = CollectionId(bytes.fromhex(case["joined"]))
    records.join(collection)
    for step in case["steps"]:
        now = Instant(monotonic_seconds=0.0, unix_seconds=step["now"])
        if "retired" in step:
            expired = records.expire(now)
            assert (len(expired.retired), len(expired.dropped)) == (step["retired"], step["dropped"])
        elif "counts" in step:
            nodes = [NodeId(bytes.fromhex(node)) for node in step["counts"]]
            assert {node.hex(): records.counts(node, collection) for node in nodes} == step["counts"]
        elif "announcing" in step:
            assert sorted(node.hex() for node, _ in records.announcements(collection)) == step["announcing"]
        else:
            assert answer_to(records, bytes.fromhex(step["admit"]), now) == step["expect"]


def answer_to(records: RecordSet, envelope: bytes, now: Instant) -> str:
    """Return the reason for which a set refuses an envelope."""
    try:
        records.admit(envelope, now)
    except RecordError as error:
        return error.reason.value
    return "accepted"


@pytest.mark.parametrize("case", cases("messages"))
def test_messages(case: Case) -> None:
    message = check(case, decode_message)
    if message is None:
        return
    shown = plain(asdict(message))
    match message:
        case wire.Summary():
            shown["root"] = f"{message.root:016x}"
        case wire.Buckets():
            shown["digests"] = [f"{digest:016x}" for digest in message.digests]
    kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(message).__name__).lstrip("_")
    assert {"kind": kind, **shown} == case["value"]
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("case", cases("frames"))
def test_frames(case: Case) -> None:
    reader = FrameReader()
    payloads = check(case, reader.feed)
    if payloads is None:
        return
    assert payloads == [unhex(payload) for payload in case["value"]]
    assert reader.buffered_bytes == case["left"]
    stream = unhex(case["bytes"])
    assert stream.startswith(b"".join(frame(payload) for payload in payloads))


def test_frames_byte_by_byte() -> None:
    case = next(c.values[0] for c in cases("frames") if c.values[0]["name"] == "two frames")
    reader = FrameReader()
    payloads = [payload for byte in unhex(case["bytes"]) for payload in reader.feed(bytes([byte]))]
    assert [payload.hex() for payload in payloads] == case["value"]


@pytest.mark.parametrize("case", cases("digests"))
def test_digests(case: Case) -> None:
    held = Fingerprints()
    sets = iter(case["sets"])

    def check_set() -> None:
        wanted = next(sets)
        assert (len(held), f"{held.root:016x}") == (wanted["records"], wanted["root"])
        assert [f"{digest:016x}" for digest in held.digests(2)] == wanted["digests_of_2_bits"]

    check_set()
    for entry in case["records"]:
        key = RecordKey(Kind(entry["kind"]), bytes.fromhex(entry["subject"]))
        identity = record_id(key)
        assert identity.hex() == entry["id"]
        assert f"{fingerprint(identity, entry['sequence']):016x}" == entry["fingerprint"]
        assert bucket_of(identity, 0) == 0
        assert bucket_of(identity, 4) == entry["bucket_of_4_bits"]
        assert bucket_of(identity, 15) == entry["bucket_of_15_bits"]
        content = ManifestHead(CollectionId(key.subject), 1, 0, Sha256(bytes(32)), 1)  # its place alone counts
        held.put(make_record(key, entry["sequence"], b"", content))
        check_set()


@pytest.mark.parametrize("wanted", json.loads((FOLDER / "digests.json").read_text())["vectors"][0]["bits"])
def test_how_many_buckets_a_set_is_summed_in(wanted: dict[str, int]) -> None:
    assert bits_for(wanted["records"]) == wanted["bits"]


@pytest.mark.parametrize("case", cases("rendezvous"))
def test_rendezvous(case: Case) -> None:
    collection = CollectionId(bytes.fromhex(case["collection"]))
    found = [rendezvous(collection, day).hex() for day in days_of(case["unix_seconds"])]
    assert found == case["rendezvous"]


@pytest.mark.parametrize("case", cases("placement"))
def test_placement(case: Case) -> None:
    if "salt" in case:
        collection = CollectionId(bytes.fromhex(case["collection"]))
        assert day_of(case["unix_seconds"]) == case["day"]
        day_salt = salt(collection, case["day"], case["manifest_version"])
        assert day_salt.hex() == case["salt"]
        for wanted in case["keys"]:
            node = node_hash(day_salt, NodeId(bytes.fromhex(wanted["node"])))
            shard = shard_hash(day_salt, ShardIndex(wanted["shard"]))
            assert (f"{node:016x}", f"{shard:016x}") == (wanted["node_hash"], wanted["shard_hash"])
            assert f"{mix(node, shard):016x}" == wanted["h"]
            found = key_of(mix(node, shard), weight_of(wanted["credible_pledge_bytes"]))
            assert found == pytest.approx(wanted["key"], rel=1e-11)
    elif "credible_pledges" in case:
        found = credible_pledges(np.array(case["pledges"]), np.array(case["held_bytes"], dtype=np.float64))
        assert found.tolist() == case["credible_pledges"]
    elif "replicas" in case:
        assert replicas_in(case) == pytest.approx(case["replicas"])
    elif "targets" in case:
        body = ManifestBody("x", "", case["target_min_replicas"], case["target_max_replicas"], shards_of(case))
        assert list(targets(body, case["pledges"])) == case["targets"]
    else:
        assert presence(case["silent"], PROFILES[case["profile"]]) == pytest.approx(case["presence"])


def replicas_in(case: Case) -> float:
    nodes = case["nodes"]
    said = [(node["operator"], subnet_of(node["host"]), node["country"], node["asn"]) for node in nodes]
    vetted = np.array([node["worth"] if node["vetted"] else 0.0 for node in nodes])
    unvetted = np.array([0.0 if node["vetted"] else node["worth"] for node in nodes])
    holders = np.flatnonzero([node["holds"] for node in nodes]).astype(np.int32)
    return count_one(holders, Worth(vetted, unvetted, Domains.of(said)), case["target"])


def shards_of(case: Case) -> tuple[Shard, ...]:
    return tuple(
        Shard(
            index=ShardIndex(index),
            name=f"shard-{index}",
            info_hash_v2=bytes(32),
            info_hash_v1=b"",
            torrent_sha256=Sha256(bytes(32)),
            torrent_bytes=1,
            bytes=given["bytes"],
            files=1,
            items=1,
            popularity_min=0,
            popularity_max=0,
            demand_ppb=given["demand_ppb"],
            rights="CC0-1.0",
            target_weight_ppm=given["target_weight_ppm"],
            withdrawn_reason="gone" if given["withdrawn"] else "",
        )
        for index, given in enumerate(case["shards"])
    )
