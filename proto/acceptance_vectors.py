"""Vectors of what one node answers to records in turn: the set that keeps the newest, and who counts."""

from typing import Any

from record_vectors import (
    ADMISSION,
    ANNOUNCEMENT,
    CURATOR,
    HEAD,
    LISTED,
    OPEN,
    REVOKED,
    VOUCHED,
    VOUCHER,
    YEAR,
    head,
    minimal,
    part,
    policy,
    proof,
    word,
)
from vector_parts import ALICE, BOB, FILMS, MUSIC, NOW, Case, envelope, public, wire

from mirrord.core.records import records_pb2 as pb

CAROL, DAVE, ERIN = "node carol", "node dave", "node erin"


def says(sequence: int, author: str = ALICE, collection: str = MUSIC, **more: Any) -> str:
    """Return an announcement's envelope."""
    made = minimal(sequence, collections=[part(collection)], **more)
    return wire(envelope(ANNOUNCEMENT, wire(made), author)).hex()


def manifest(message: pb.ManifestHead, author: str = MUSIC) -> str:
    """Return a manifest head's envelope."""
    return wire(envelope(HEAD, wire(message), author)).hex()


def admit(data: str, expect: str = "accepted", now: int = NOW) -> Case:
    """Return the step of receiving an envelope."""
    return {"now": now, "admit": data, "expect": expect}


def expire(now: int, retired: int, dropped: int) -> Case:
    """Return the step of looking what is past its time."""
    return {"now": now, "retired": retired, "dropped": dropped}


def said(message: pb.Admission, author: str = MUSIC) -> str:
    """Return an admission's envelope."""
    return wire(envelope(ADMISSION, wire(message), author)).hex()


def contradiction(sequence: int, author: str = ALICE, **more: Any) -> str:
    """Return the proof that an author signed two announcements with one sequence."""
    one, other = sorted(bytes.fromhex(says(sequence, author, operator=name, **more)) for name in ("", "x"))
    return wire(proof(one, other, author)).hex()


def counting(*names: str, of: tuple[str, ...] = (ALICE, BOB, CAROL, DAVE), now: int = NOW) -> Case:
    """Return the step of asking who counts: of some nodes, whether each does."""
    return {"now": now, "counts": {public(name).hex(): name in names for name in of}}


def announcing(*names: str, now: int = NOW) -> Case:
    """Return the step of asking whose announcements count."""
    return {"now": now, "announcing": sorted(public(name).hex() for name in names)}


def acceptance() -> list[Case]:
    """Return what one node answers to records in turn; it has joined the first collection only."""
    first = says(5)
    stories: dict[str, list[Case]] = {
        "the highest sequence wins": [admit(says(5)), admit(says(7, issued_at=NOW - 9)), admit(says(6), "stale")],
        "the same record again": [admit(first), admit(first, "stale")],
        "one sequence, two records": [admit(says(5)), admit(says(5, operator="x"), "equivocation")],
        "two authors, one sequence": [admit(says(5)), admit(says(5, BOB))],
        "not about a joined collection": [admit(says(5, collection=FILMS), "foreign_collection")],
        "it left our collection, and we had it": [admit(says(5)), admit(says(6, collection=FILMS))],
        "600 s ahead": [admit(says(5, issued_at=NOW + 600)), admit(says(6, issued_at=NOW + 601), "from_future")],
        "expired": [admit(says(5, lifetime=10), "expired", NOW + 10), admit(says(5, lifetime=10), now=NOW + 9)],
        "retired 1,200 s before its end, dropped at its end, never back": [
            admit(says(5, lifetime=5_000)),
            expire(NOW + 3_799, 0, 0),
            expire(NOW + 3_800, 1, 0),
            expire(NOW + 5_000, 0, 1),
            admit(says(5), "stale", NOW + 5_000),
            admit(says(6), now=NOW + 5_000),
        ],
        "manifest heads": [
            admit(manifest(head(1))),
            admit(manifest(head(3))),
            admit(manifest(head(2)), "stale"),
            admit(manifest(head(3, body_bytes=1)), "equivocation"),
            admit(manifest(head(4), ALICE), "wrong_author"),
            admit(manifest(head(4, FILMS), FILMS), "foreign_collection"),
            admit(manifest(head(4, issued_at=NOW + 601)), "from_future"),
        ],
        "a table that is full takes news of whom it knows": [
            admit(says(5)),
            admit(says(5, BOB), "table_full"),
            admit(says(6)),
            admit(manifest(head(1))),
        ],
    }
    stories |= _equivocations() | _policies() | _curators() | _vouchers()
    stories["what never travels"] = [
        admit(first[:-2], "malformed"),
        admit(first[:-2] + ("00" if first[-2:] != "00" else "01"), "bad_signature"),
        admit(wire(envelope(5, b"", ALICE)).hex(), "unknown_kind"),
        admit(wire(envelope(ANNOUNCEMENT, wire(minimal(operator="x" * 65)), ALICE)).hex(), "oversized"),
    ]
    common = {"joined": public(MUSIC).hex(), "dead_band_seconds": 1_200}
    return [
        {"name": name, **common, "records_max": 1 if "full" in name else 200_000, "steps": steps}
        for name, steps in stories.items()
    ]


def _equivocations() -> dict[str, list[Case]]:
    return {
        "a proof takes its node out until the later of the two would have expired": [
            admit(says(7, lifetime=5_000)),
            admit(says(7, BOB)),
            announcing(ALICE, BOB),
            admit(contradiction(5, lifetime=6_000)),
            announcing(BOB),
            admit(says(8)),
            announcing(BOB),
            expire(NOW + 6_000, 0, 1),
            announcing(ALICE, BOB, now=NOW + 6_000),
        ],
        "two announcements that contradict each other, and then their proof": [
            admit(says(5)),
            admit(says(5, operator="x"), "equivocation"),
            admit(contradiction(5)),
            announcing(),
        ],
        "of two proofs the one with the higher sequence stays": [
            admit(contradiction(5)),
            admit(contradiction(6)),
            admit(contradiction(5), "stale"),
            admit(contradiction(6, pledge_bytes=1), "stale"),
        ],
        "a proof of somebody who does not count": [
            admit(said(policy(LISTED))),
            admit(contradiction(5), "not_admitted"),
        ],
    }


def _policies() -> dict[str, list[Case]]:
    closed = said(policy(LISTED))
    return {
        "the newest policy holds, and it is the collection's own word": [
            counting(ALICE, BOB, CAROL, DAVE),
            admit(closed),
            counting(),
            admit(said(policy(OPEN, NOW + 1))),
            admit(closed, "stale"),
            admit(said(word(MUSIC, 0, policy=VOUCHED), ALICE), "wrong_author"),
            admit(said(policy(LISTED, collection=FILMS), FILMS), "foreign_collection"),
            counting(ALICE, BOB, CAROL, DAVE),
        ],
        "an announcement is taken where its author counts": [
            admit(says(5, BOB)),
            admit(closed),
            announcing(),
            admit(says(6, BOB), "not_admitted"),
            admit(says(5), "not_admitted"),
            admit(said(word(ALICE))),
            admit(says(5)),
            announcing(ALICE),
            admit(says(7, BOB, collection=FILMS)),
            announcing(ALICE),
        ],
        "a policy does not expire, an admission does": [
            admit(closed),
            admit(said(word(ALICE, expires_at=NOW + 5_000))),
            counting(ALICE),
            expire(NOW + 3_800, 1, 0),
            expire(NOW + 2 * YEAR, 0, 1),
            counting(now=NOW + 2 * YEAR),
        ],
        "one that is revoked counts in no collection": [
            admit(said(word(ALICE, REVOKED))),
            counting(BOB, CAROL, DAVE),
            admit(says(5), "not_admitted"),
        ],
        "admissions have a table of their own, that may be full as well": [
            admit(says(5)),
            admit(said(policy(OPEN))),
            admit(said(word(BOB))),
            admit(said(word(CAROL)), "table_full"),
            admit(said(word(BOB, REVOKED, NOW + 1))),
        ],
    }


def _curators() -> dict[str, list[Case]]:
    deputy = said(word(ERIN, CURATOR))
    return {
        "a curator lists, revokes and names vouchers, but no curator": [
            admit(said(policy(LISTED))),
            admit(said(word(ALICE), ERIN), "not_admitted"),
            admit(deputy),
            admit(said(word(ALICE), ERIN)),
            admit(said(word(BOB, VOUCHER, quota=2), ERIN)),
            admit(said(word(CAROL, CURATOR), ERIN), "not_admitted"),
            counting(ALICE, BOB, ERIN, of=(ALICE, BOB, CAROL, ERIN)),
        ],
        "a curator that is one no longer is as if it had said nothing, and all again when it is one again": [
            admit(said(policy(LISTED))),
            admit(deputy),
            admit(said(word(ALICE), ERIN)),
            admit(said(word(ERIN, REVOKED, NOW + 1, issued_at=NOW + 1))),
            counting(of=(ALICE, ERIN)),
            admit(said(word(ERIN, CURATOR, NOW + 2, issued_at=NOW + 2))),
            counting(ALICE, ERIN, of=(ALICE, ERIN)),
        ],
        "of two curators' words the newest by time, and of one second a revocation": [
            admit(said(policy(LISTED))),
            admit(deputy),
            admit(said(word(ALICE, sequence=9, issued_at=NOW - 1))),
            admit(said(word(ALICE, REVOKED, 5, issued_at=NOW - 2), ERIN)),
            counting(ALICE),
            admit(said(word(ALICE, REVOKED, 6, issued_at=NOW - 1), ERIN)),
            counting(),
            admit(said(word(ALICE, sequence=10))),
            counting(ALICE),
        ],
    }


def _vouchers() -> dict[str, list[Case]]:
    vouched = [admit(said(policy(VOUCHED))), admit(said(word(ALICE, VOUCHER, quota=1)))]
    return {
        "a voucher's first vouches count, by sequence, as far as its quota goes": [
            *vouched,
            admit(said(word(CAROL, sequence=8), ALICE)),
            admit(said(word(BOB, sequence=7), ALICE)),
            counting(ALICE, BOB),
            admit(said(word(BOB, REVOKED, 9), ALICE)),
            counting(ALICE, CAROL),
        ],
        "a voucher may do nothing else, and whom it vouches for may not vouch": [
            *vouched,
            admit(said(word(BOB, VOUCHER, quota=1), ALICE), "not_admitted"),
            admit(said(word(BOB), ALICE)),
            admit(said(word(CAROL), BOB), "not_admitted"),
        ],
        "a curator's no outweighs a vouch, and a voucher's outweighs nothing": [
            *vouched,
            admit(said(word(BOB), ALICE)),
            admit(said(word(BOB, REVOKED))),
            counting(ALICE),
            admit(said(word(CAROL))),
            admit(said(word(CAROL, REVOKED), ALICE)),
            counting(ALICE, CAROL),
        ],
        "vouches do not count where the collection is listed": [
            *vouched,
            admit(said(word(BOB), ALICE)),
            admit(said(policy(LISTED, NOW + 1))),
            counting(ALICE),
        ],
    }
