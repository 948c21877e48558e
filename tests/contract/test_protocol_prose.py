"""The page on the protocol says what the program does: names, numbers and tables are compared with the code."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor

from mirrord.core import limits
from mirrord.core.errors import RejectReason
from mirrord.core.gossip import rendezvous
from mirrord.core.gossip.dialling import _ROTATE_ROUNDS, ANCHORS_KEPT, SESSIONS_WANTED
from mirrord.core.placement import (
    calling,
    candidates,
    claims,
    domains,
    keys,
    planner,
    pull,
    releasing,
    roster,
    sources,
    storm,
    targets,
    view,
)
from mirrord.core.records import records_pb2
from mirrord.core.records.invitation import INVITATION_MAX_CHARACTERS
from mirrord.core.timing import _SETTLE_MOST_SECONDS, PROFILES, TimingProfile
from mirrord.core.wire import wire_pb2

FOLDER = Path(__file__).resolve().parents[2] / "proto"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())
CODE = {word for span in re.findall(r"`([^`\n]+)`", PAGE) for word in re.findall(r"\w+", span)}
LINES_MAX = 570
# What a node allows itself, or allows a connection (channel.md): another program may do as it likes.
LOCAL_LIMITS = {
    *("KIB", "MIB"),
    *("HANDSHAKE_TIMEOUT_SECONDS", "SESSION_IDLE_SECONDS", "SEND_TIMEOUT_SECONDS", "SESSION_QUEUE_MAX_FRAMES"),
    *("BLOB_SOURCES_MAX", "CLOCK_PEERS_MAX", "SESSION_RELAYS_BURST", "SESSION_RELAYS_PER_SECOND"),
    *("ROUND_TRIES_MAX", "RELAY_SESSIONS_MAX"),
    *("SESSIONS_MAX", "BLOB_FETCHES_MAX", "ADDRESS_BOOK_MAX", "DIALS_MAX", "EVENT_QUEUE_MAX"),
    *("SESSION_QUEUE_MAX_BYTES", "QUEUES_MAX_BYTES", "FRAME_RECEIVE_SECONDS", "GOODBYE_SECONDS"),
    *("KEEPALIVE_SECONDS", "SESSION_STAY_SECONDS", "SESSION_PARTING_SECONDS"),
    *("ADDRESSES_FOUND_BURST", "ADDRESSES_FOUND_MAX", "LOCAL_SEARCHES_PER_SECOND", "LOCAL_SEARCHES_BURST"),
    *("LOCAL_HEARD_MAX", "LOCAL_COOKIE_MAX_BYTES", "LOCAL_PLACES_MAX", "PORT_FILE_MAX_BYTES"),
    *("NETWORK_STOP_SECONDS", "SESSIONS_DIALLED_RESERVE", "SESSIONS_PER_NETWORK_MAX", "HANDSHAKES_MAX"),
    *("HANDSHAKES_PER_SECOND", "HANDSHAKES_BURST", "NETWORK_HANDSHAKES_PER_SECOND", "NETWORK_HANDSHAKES_BURST"),
    *("NETWORKS_TRACKED_MAX", "ACCEPT_RETRY_SECONDS"),
    *("PEER_RECEIVED_BURST_BYTES", "PEER_RECEIVED_BYTES_PER_SECOND", "PEER_SENT_BURST_BYTES"),
    *("PEER_SENT_BYTES_PER_SECOND", "PEER_WORK_BURST_SECONDS", "PEER_WORK_SECONDS_PER_SECOND"),
    *("FRAME_OVERHEAD_SECONDS", "NETWORK_BUDGETS_MAX", "BUDGET_WAIT_MAX_SECONDS", "PEER_OVERSPENT_SECONDS"),
    *("PEERS_TRACKED_MAX", "RECORDS_MAX_BYTES"),
    *("ADDRESSES_PER_NEIGHBOURHOOD_MAX", "ADDRESSES_NOT_PUBLIC_MAX", "CONTACT_FAILURES_MAX", "HEARSAY_PORT_MIN"),
    "REDIALS_BURST",
    *("PROBES_MAX", "PROBES_BURST", "SESSION_PROBES_BURST", "PROBE_PERIODS_MIN", "PROBE_PERIODS_MAX"),
    *("PROBE_ANSWER_SECONDS", "VERIFIERS_MAX"),
}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def names_of(module: Any) -> set[str]:
    """Return every message, field, enum and enum value of a schema."""
    found: set[str] = set()

    def add_enum(enum: EnumDescriptor) -> None:
        found.update(value.name for value in enum.values)

    def add(message: Descriptor) -> None:
        found.update({message.name, *(field.name for field in message.fields)})
        for inner in message.nested_types:
            add(inner)
        for enum in message.enum_types:
            add_enum(enum)

    for message in module.DESCRIPTOR.message_types_by_name.values():
        add(message)
    for enum in module.DESCRIPTOR.enum_types_by_name.values():
        found.add(enum.name)
        add_enum(enum)
    return found


@pytest.mark.parametrize("module", [records_pb2, wire_pb2])
def test_every_message_field_and_code_of_the_schemas_is_explained(module: Any) -> None:
    names = names_of(module)
    assert len(names) > 40
    assert not sorted(names - CODE)


def test_every_limit_of_the_protocol_is_in_the_table_with_its_value() -> None:
    table = dict(re.findall(r"\| `([A-Z_]+)` \| ([\d,]+)(?= \|)", PAGE.partition("## Limits")[2]))
    shared = {name: value for name, value in vars(limits).items() if name.isupper() and name not in LOCAL_LIMITS}
    assert {name: number(value) for name, value in table.items()} == shared
    assert {name for name in LOCAL_LIMITS if hasattr(limits, name)} == LOCAL_LIMITS


def test_the_table_of_times_is_the_profiles() -> None:
    (heading,) = [line for line in PAGE.splitlines() if line.startswith("| duration |")]
    profiles = [PROFILES[name] for name in cells(heading)[1:]]
    assert len(profiles) == len(PROFILES)
    rows = re.findall(r"^\| `(\w+_seconds)`[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    shown = {name: [number(cell) for cell in cells(values)] for name, values in rows}
    names = [field.name for field in fields(TimingProfile) if field.name != "name"] + ["settle_seconds"]
    assert shown == {name: [getattr(profile, name) for profile in profiles] for name in names}


def test_every_reason_to_refuse_a_record_is_explained_and_whose_fault_it_is() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE))
    faults = {reason: rows.get(reason.value) == "the peer" for reason in RejectReason}
    assert {reason for reason in RejectReason if reason.value not in rows} == set()
    assert faults == {reason: reason.is_peers_fault for reason in RejectReason}


def test_every_file_of_vectors_is_explained() -> None:
    files = {path.stem for path in (FOLDER / "vectors").iterdir()}
    assert files
    assert not files - CODE


TENTH = {10: "a tenth"}

# The same numbers once more, where the page uses them in a sentence.
SENTENCES = [
    f"at most {limits.ADDRESSES_MAX} `Endpoint`",
    f"at most {limits.CLAIMS_MAX} `Claim`",
    f"at most {limits.RELEASES_MAX} `Release`",
    f"at most {limits.HELLO_COLLECTIONS_MAX} `CollectionState`",
    f"what the sender joined: at most {limits.HELLO_COLLECTIONS_MAX},",
    f"by at most {limits.LIFETIME_MAX_SECONDS // 86_400} days",
    f"labels, text of at most {limits.LABEL_MAX_BYTES} bytes",
    f"`shard` below {limits.SHARDS_MAX:,}",
    f"stop inflating at {limits.SHARDS_MAX // 8:,} bytes",
    f"`shards` | at most {limits.SHARDS_MAX:,}",
    f"at most {limits.TEXT_MAX_BYTES:,} bytes",
    f"text of 1 to {limits.NAME_MAX_BYTES} bytes",
    f"A path has at most {limits.PATH_MAX_BYTES:,} bytes, a component at most {limits.PATH_COMPONENT_MAX_BYTES} bytes",
    f"It has at most {limits.TORRENT_MAX_BYTES // limits.MIB} MiB",
    f"Inflated it has at most {limits.MANIFEST_BODY_MAX_BYTES // limits.MIB} MiB",
    f"envelope of at most {limits.ENVELOPE_MAX_BYTES:,} bytes, body of at most {limits.RECORD_BODY_MAX_BYTES:,}",
    f"at most {limits.FUTURE_SKEW_SECONDS} s ahead",
    f"by at most {limits.ADMISSION_LIFETIME_MAX_SECONDS // 86_400:,} days. A policy",
    f"of a `VOUCHER`, at most {limits.VOUCHES_MAX:,}: for",
    f"a voucher one of fewer than {limits.VOUCHES_MAX:,} subjects",
    f"The proof's envelope has at most {limits.PROOF_MAX_BYTES:,} bytes",
    f"fewer than {limits.RECORDS_PER_COLLECTION_MAX:,} records",
    f"have at most {limits.BITMAPS_MAX_BYTES:,} bytes together",
    f"remembered, for {limits.SEQUENCES_REMEMBERED_MAX:,} keys",
    f"{limits.ROUND_MESSAGES_BURST} messages about one collection at once",
    f"at most {limits.RELAYS_BURST} are passed on at once",
    f"`bits`, at most {limits.BUCKET_BITS_MAX}",
    f"records / {limits.BUCKET_TARGET_RECORDS} (rounded down), at most {limits.BUCKET_BITS_MAX}",
    f"`ids`: 8 bytes each, at most {limits.LISTING_MAX_ENTRIES:,}",
    f"`envelopes`: at most {limits.BATCH_MAX_RECORDS}, and at most {limits.BATCH_MAX_BYTES // limits.KIB} KiB",
    f"at most {limits.ANSWER_MAX_BYTES // limits.MIB} MiB of envelopes",
    f"Every chunk but the last has exactly {limits.BLOB_CHUNK_BYTES:,} bytes",
    f"silent for {limits.BLOB_WAIT_SECONDS:.0f} s",
    f"at most {limits.LOCAL_SEARCH_MAX_BYTES:,} bytes, for one rendezvous once in {limits.LOCAL_SEARCH_SECONDS:.0f} s",
    f"within {limits.RENDEZVOUS_MIDNIGHT_SECONDS:,} s of midnight",
    {0.2: "a fifth more or less"}[rendezvous._JITTER],
    f"at most {INVITATION_MAX_CHARACTERS:,} characters",
    f"keeps {SESSIONS_WANTED} sessions that it dialled itself",
    f"at ports from {limits.HEARSAY_PORT_MIN:,} on",
    f"At most {limits.ADDRESSES_PER_NEIGHBOURHOOD_MAX} of one /16 (IPv4) or /32 (IPv6)",
    {2: "the two sessions with them are never traded"}[ANCHORS_KEPT],
    {5: "every fifth round"}[_ROTATE_ROUNDS],
    f"at most {planner.FETCHES_MAX} fetches, {planner.CLAIMS_AHEAD_MAX} claims beyond them, "
    f"and {planner.CLAIMS_PER_TICK_MAX} new claims a tick",
    f"x = (x XOR x >> {keys._SHIFTS[0]}) x 0x{keys._FACTORS[0]:X}, "
    f"x = (x XOR x >> {keys._SHIFTS[1]}) x 0x{keys._FACTORS[1]:X}, h = x XOR x >> {keys._SHIFTS[2]}",
    f"{targets._CREDIBLE_MEDIANS} times the median of all",
    f"twice the bytes of the node's holdings plus 10^{len(str(targets._UNPROVED_BYTES)) - 1}.",
    f"int(credible pledge / 10^{len(str(keys._WEIGHT_UNIT_BYTES)) - 1}), at least 1",
    f"at least {storm._SUSPECT_NODES} and more than {100 * storm._SUSPECT_SHARE:.0f} %",
    f"more than {100 * storm._SUSPECT_SHARE:.0f} % of the living and the doubted",
    f"come to min(target, {targets.R_MIN}), and it would be called only for shards that have {targets.R_MIN} replicas",
    "n is {operator} for operator, subnet and ASN, {country} for country".format(**dict(domains._CAPS)),
    f"the first {roster.CLAIMS_COUNTED_MAX} of its node's part",
    f"`lease_max_seconds` + {limits.FUTURE_SKEW_SECONDS} s ahead",
    f"int(100 x t x {claims._CRAWL_BYTES_PER_SECOND:,.0f} / bytes) percent",
    f"{claims._SLOWEST:.0f} x its own / the median",
    f"at {claims._STANDS_ABOVE} or below *hangs*",
    f"(f + {claims._PRIOR_FINISHED}) / (f + g + {claims._PRIOR_CLAIMS}) between {claims._LEAST_RATE} "
    f"and {claims._MOST_RATE}, over {claims._PRIOR}, at most 1",
    f"A claim of percent {claims.FIRM_PERCENT} or more",
    f"Claims of worth {claims._STANDS_ABOVE} or less",
    f"G, at most {_SETTLE_MOST_SECONDS:.0f} s, plus twice the bytes at {claims.ASSUMED_BYTES_PER_SECOND // 10**6} MB/s",
    f"At D >= {view.ACT_AT} the shard *lacks* ceil(D - {view.ACT_AT}) nodes",
    f"r is below {view.EMERGENCY_BELOW:.0f}, and this node has seen {view.EMERGENCY_BELOW:.0f} or more",
    f"while a storm rages neither does one with r of {view.STORM_REPAIRS_BELOW:.0f} or more",
    f"let {100 * calling.WHOLE_MEMBERSHIP_SHARE:.0f} % be alive",
    f"has {roster.CLAIMS_COUNTED_MAX} slots less its claims",
    f"one with {targets.R_MIN} replicas also leaves {TENTH[candidates.RESERVE_PARTS]} of `pledge_bytes` free",
    f"divided by (1 + load)^{pull.LOAD_POWER}",
    f"in units of {pull.USUAL_RATE:,.0f} bytes/s",
    f"held between {pull._SLOWEST} and {pull._FASTEST:.0f};",
    f"(sqrt(down) x sqrt(up))^{pull.SPEED_POWER}",
    f"down^({pull.SPEED_POWER} (1 - p)) x fill^({pull.PATIENCE_POWER} p)",
    f"in units of 10^{len(str(pull._TERABYTE)) - 1} bytes, between {pull._LEAST_ROOM} and {pull._MOST_ROOM:.0f}",
    f"(tightness - {pull.AMPLE}) / {pull.TIGHT - pull.AMPLE}, between 0 and 1",
    f"r below {sources._LONE_BELOW} that one living node",
    f"{sources.FETCHES_OF_ORIGIN} (origin) or int(up rate / {sources._USUAL_FETCH_RATE:,.0f}), "
    f"at least {sources.FETCHES_LEAST} (a rate not known is {sources._UPLINK_NOT_KNOWN:,.0f})",
    f"G but at most {_SETTLE_MOST_SECONDS:.0f} s (and at most {planner.EMERGENCY_SETTLE_SECONDS:.0f} s for",
    f"from {claims.FIRM_PERCENT} % on only once nothing is missing",
    f"from {planner.KEPT_PERCENT} % on never",
    f"at most {releasing.INTENTS_MAX} at a time",
    f"target + max({releasing._SURPLUS_LEAST}, target / {releasing._SURPLUS_PARTS})",
    f"misses {view.ACT_AT} or more",
    f"Up to R = {targets.R_MIN} every",
    f"Mean R = {targets._FILL} x sum",
    f"at least {targets.R_MIN} and at most {targets._R_MAX}",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_number_in_a_sentence_is_the_programs(sentence: str) -> None:
    assert sentence in FLAT


def test_the_page_is_short_enough_to_be_read() -> None:
    assert len(PAGE.splitlines()) <= LINES_MAX
    assert "](channel.md)" in PAGE
