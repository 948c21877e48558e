"""Vectors of what every node must compute alike: ids, fingerprints, the order of the nodes, targets, and the like."""

import base64
import hashlib
import math
import statistics
from functools import reduce
from typing import Any

from replica_vectors import replicas
from vector_parts import ALICE, BOB, FILMS, MUSIC, NOW, Case, public, seed

DAY = 86_400
TERA = 10**12


def _blake(data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, digest_size=size).digest()


def _text(identity: bytes) -> str:
    return base64.b32encode(identity).decode().rstrip("=").lower()


def _rounded(value: float) -> float:
    """Return 12 digits: logarithms may differ in the last bits from one machine to the next."""
    return float(f"{value:.12g}")


def identities() -> list[Case]:
    """Return keys as text; each good one with the public key that its seed gives."""
    cases: list[Case] = [
        {
            "name": name,
            "seed": seed(name).hex(),
            "value": public(name).hex(),
            "text": _text(public(name)),
            "short": _text(public(name))[:8],
        }
        for name in (ALICE, BOB, MUSIC, FILMS)
    ]
    good = _text(public(ALICE))
    cases.append({"name": "capitals are read too", "text": good.upper(), "value": public(ALICE).hex()})
    wrong = {
        "empty": "",
        "a letter short": good[:-1],
        "a letter long": good + "a",
        "with padding": good + "====",
        "a digit that base32 lacks": "1" + good[1:],
        "bits behind the last byte": good[:-1] + ("b" if good[-1] in "aq" else chr(ord(good[-1]) + 1)),
        "hexadecimal": public(ALICE).hex(),
    }
    return cases + [{"name": name, "text": text, "reject": "usage"} for name, text in wrong.items()]


def invitations() -> list[Case]:
    """Return lines; ``canonical`` ones are what a program writes for their value."""
    key = _text(public(MUSIC))
    value: dict[str, Any] = {"collection": public(MUSIC).hex(), "bootstrap": [], "name": ""}
    both = ["203.0.113.7:7700", "[2001:db8::7]:7701"]
    full = f"mirrord://{key}?bootstrap={both[0]}&bootstrap={both[1]}&name=M%C3%BAsica%20%26%20m%C3%A1s"
    good = [
        ("key alone", f"mirrord://{key}", True, value),
        ("full", full, True, value | {"bootstrap": both, "name": "Música & más"}),
        ("a host name", f"mirrord://{key}?bootstrap=seed.example.org:7700", True,
         value | {"bootstrap": ["seed.example.org:7700"]}),
        ("spaces around it and a slash", f"  mirrord://{key}/?name=x \n", False, value | {"name": "x"}),
        ("capitals", f"MIRRORD://{key.upper()}", False, value),
        ("a plus is a space", f"mirrord://{key}?name=a+b", False, value | {"name": "a b"}),
    ]  # fmt: skip
    wrong = {
        "no scheme": key,
        "another scheme": f"magnet://{key}",
        "a short key": f"mirrord://{key[:-1]}",
        "an unknown part": f"mirrord://{key}?boot=203.0.113.7:7700",
        "two names": f"mirrord://{key}?name=a&name=b",
        "a part without a value": f"mirrord://{key}?name",
        "no port": f"mirrord://{key}?bootstrap=203.0.113.7",
        "port 0": f"mirrord://{key}?bootstrap=203.0.113.7:0",
        "IPv6 without brackets": f"mirrord://{key}?bootstrap=2001:db8::7:7700",
        "a host with a space": f"mirrord://{key}?bootstrap=a%20b:7700",
        "nine addresses": f"mirrord://{key}?" + "&".join(f"bootstrap=192.0.2.{i}:7700" for i in range(9)),
        "a name with a line feed": f"mirrord://{key}?name=a%0Ab",
        "a name of 129 bytes": f"mirrord://{key}?name=" + "x" * 129,
        "a name that is not UTF-8": f"mirrord://{key}?name=%FF",
    }
    return [
        {"name": name, "text": text, "canonical": canonical, "value": meant} for name, text, canonical, meant in good
    ] + [{"name": name, "text": text, "reject": "usage"} for name, text in wrong.items()]


def digests() -> list[Case]:
    """Return record ids, fingerprints, and what a set of records comes to."""
    subjects = [(1, (MUSIC,)), (2, (ALICE,)), (2, (BOB,)), (2, ("node carol",)), (3, (MUSIC, MUSIC, ALICE))]
    records = []
    for number, (kind, names) in enumerate(subjects):
        subject = b"".join(public(name) for name in names)
        identity = _blake(bytes([kind]) + subject, 8)
        sequence = [3, NOW, NOW + 1, 2**63 - 1, NOW][number]
        print_of = _blake(identity + sequence.to_bytes(8, "big"), 8)
        records.append(
            {
                "kind": kind,
                "subject": subject.hex(),
                "sequence": sequence,
                "id": identity.hex(),
                "fingerprint": print_of.hex(),
                "bucket_of_4_bits": identity[0] >> 4,
                "bucket_of_15_bits": int.from_bytes(identity[:2], "big") >> 1,
            }
        )
    sets = []
    for count in range(len(records) + 1):
        chosen = records[:count]
        buckets = [
            _xor(str(r["fingerprint"]) for r in chosen if int(str(r["id"])[:2], 16) >> 6 == bucket)
            for bucket in range(4)
        ]
        root = _xor(str(r["fingerprint"]) for r in chosen)
        sets.append({"records": count, "root": root, "digests_of_2_bits": buckets})
    counts = [(0, 0), (19, 0), (20, 1), (30, 2), (49, 2), (50, 3), (10_000, 10), (1_000_000, 15)]
    bits = [{"records": count, "bits": wanted} for count, wanted in counts]
    return [{"name": "records and their sets", "records": records, "sets": sets, "bits": bits}]


def _xor(values: Any) -> str:
    return f"{reduce(lambda a, b: a ^ b, (int(value, 16) for value in values), 0):016x}"


def _finalized(x: int) -> int:
    """Return the finalizer of SplitMix64."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def _key(salt: bytes, index: int, node: str, pledge: int) -> dict[str, Any]:
    node_hash, shard_hash = _blake(salt + public(node), 8), _blake(salt + index.to_bytes(4, "big"), 8)
    h = _finalized(int.from_bytes(node_hash, "big") ^ int.from_bytes(shard_hash, "big"))
    weight = max(1, pledge // (100 * 10**9))
    return {
        "shard": index,
        "node": public(node).hex(),
        "credible_pledge_bytes": pledge,
        "node_hash": node_hash.hex(),
        "shard_hash": shard_hash.hex(),
        "h": f"{h:016x}",
        "key": _rounded(-math.log((h + 1) / 2**64) / weight),
    }


def placement() -> list[Case]:
    """Return salts and keys of a day, credible pledges, replicas, targets, and presence."""
    days = [(MUSIC, NOW, 1), (MUSIC, NOW + DAY, 1), (MUSIC, NOW, 2), (FILMS, NOW // DAY * DAY - 1, 1)]
    cases: list[Case] = []
    for collection, unix_seconds, version in days:
        tail = (unix_seconds // DAY).to_bytes(8, "big") + version.to_bytes(8, "big")
        salt = _blake(public(collection) + tail, 16)
        pledges = [(0, ALICE, 0), (0, BOB, TERA), (1, BOB, 199_999_999_999), (99_999, ALICE, 200 * 10**9)]
        cases.append(
            {
                "name": f"keys of {collection}, day {unix_seconds // DAY}, version {version}",
                "collection": public(collection).hex(),
                "unix_seconds": unix_seconds,
                "day": unix_seconds // DAY,
                "manifest_version": version,
                "salt": salt.hex(),
                "keys": [_key(salt, index, node, pledge) for index, node, pledge in pledges],
            }
        )
    return cases + _credible() + replicas() + _targets() + _presences()


def _credible() -> list[Case]:
    """Return what of each pledge may be called on, by what each node holds."""
    given: dict[str, list[tuple[int, int]]] = {
        "nobody pledges": [(0, 0), (0, TERA)],
        "as promised": [(TERA, 0), (2 * TERA, TERA), (3 * TERA, TERA)],
        "a boaster who holds nothing": [(TERA, 0), (TERA, 0), (TERA, 0), (1_000 * TERA, 0)],
        "a boaster who holds much": [(TERA, 0), (TERA, 0), (TERA, 0), (1_000 * TERA, 100 * TERA)],
        "half a byte in the median": [(1, 0), (2, 0), (1_000 * TERA, 0), (0, 0), (2, 0), (1, 0), (1, 0)],
    }
    cases = []
    for name, nodes in given.items():
        middle = statistics.median([pledge for pledge, _ in nodes if pledge] or [0])
        wanted = [int(min(pledge, 10 * middle, 2 * held + TERA)) for pledge, held in nodes]
        pledges, held_bytes = [pledge for pledge, _ in nodes], [held for _, held in nodes]
        cases.append(
            {"name": f"pledges: {name}", "pledges": pledges, "held_bytes": held_bytes, "credible_pledges": wanted}
        )
    return cases


def _targets() -> list[Case]:
    shards = [(TERA, 810_000_000, 1_000_000, False), (TERA, 160_000_000, 1_000_000, False)]
    shards += [(TERA, 0, 1_000_000, False), (TERA, 30_000_000, 1_500_000, False), (TERA, 0, 1_000_000, True)]
    pledges = {
        "nobody": [],
        "a few": [TERA, 2 * TERA, 20 * TERA],
        "below ten of each": [2 * TERA] * 20,
        "above ten of each": [2 * TERA] * 40,
        "one boasts": [TERA // 5] * 100 + [10_000 * TERA],
        "none counts for more than the collection": [200 * TERA] * 5,
        "more than can be used": [200 * TERA] * 400,
    }
    return [
        {
            "name": f"targets: {name}",
            "pledges": given,
            "target_min_replicas": 3,
            "target_max_replicas": 50,
            "shards": [
                {"bytes": size, "demand_ppb": demand, "target_weight_ppm": weight, "withdrawn": withdrawn}
                for size, demand, weight, withdrawn in shards
            ],
            "targets": _expected_targets(given, shards, 3, 50),
        }
        for name, given in pledges.items()
    ]


def _expected_targets(given: list[int], shards: list[tuple[int, int, int, bool]], low: int, high: int) -> list[int]:
    standing = [shard for shard in shards if not shard[3]]
    total = sum(shard[0] for shard in standing)
    cap = min(10 * int(statistics.median(given)), total) if given else 0
    mean = 0.85 * sum(min(pledge, cap) for pledge in given) / total
    roots = sum(math.sqrt(shard[1] / 1e9) for shard in standing)
    expected = []
    for _, demand, weight, withdrawn in shards:
        wanted = mean
        if mean > 10:
            wanted = 10 + (mean - 10) * len(standing) * math.sqrt(demand / 1e9) / roots
            wanted = min(max(wanted, 10), 200)
        expected.append(0 if withdrawn else min(max(int(wanted * weight / 1e6), low), high))
    return expected


def _presences() -> list[Case]:
    hour = 3_600
    silences = {
        "wan": [(0, 1.0), (72 * hour, 1.0), (204 * hour, 0.5), (14 * DAY, 0.0), (20 * DAY, 0.0)],
        "lan": [(0, 1.0), (2 * hour, 1.0), (13 * hour, 0.5), (DAY, 0.0)],
        "demo": [(8, 1.0), (9, 0.5), (10, 0.0)],
    }
    return [
        {"name": f"presence: {profile}, silent for {silent} s", "profile": profile, "silent": silent, "presence": p}
        for profile, cases in silences.items()
        for silent, p in cases
    ]


def rendezvous() -> list[Case]:
    """Return under what the nodes of a collection look for each other at a moment, today's rendezvous first."""
    midnight = NOW // DAY * DAY
    moments = {
        "in the middle of a day": (midnight + DAY // 2, [0]),
        "at midnight": (midnight, [0, -1]),
        "an hour after midnight, less a second": (midnight + 3_599, [0, -1]),
        "an hour after midnight": (midnight + 3_600, [0]),
        "an hour before midnight": (midnight + DAY - 3_600, [0, 1]),
        "an hour before midnight, less a second": (midnight + DAY - 3_601, [0]),
        "by a clock that was never set": (0, [0]),
    }
    return [
        {
            "name": f"{name}: {curator}",
            "collection": public(curator).hex(),
            "unix_seconds": moment,
            "rendezvous": [_rendezvous(public(curator), moment // DAY + away).hex() for away in days],
        }
        for curator in (MUSIC, FILMS)
        for name, (moment, days) in moments.items()
    ]


def _rendezvous(collection: bytes, day: int) -> bytes:
    return _blake(b"mirrord/1 rendezvous" + collection + day.to_bytes(8, "big"), 20)
