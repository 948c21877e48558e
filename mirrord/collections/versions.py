"""Versions of a manifest on disk: written so that a kill at any moment leaves the old or the new one.

``manifest.head`` alone says which version holds.  Its body is ``manifest.body``, or, where a kill
came between the two, the one kept with its version.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mirrord.collections.cutting import demand_shares
from mirrord.collections.layout import OutputFolder, make_folder, read_bounded, replace_file
from mirrord.core import limits
from mirrord.core.errors import CollectionError, RecordError
from mirrord.core.records import codec, signing
from mirrord.core.records.ids import CollectionId, Sha256
from mirrord.core.records.kinds import Kind, ManifestBody, ManifestHead

SHARDS_FILE: Final = "shards.csv"
_SHARD_COLUMNS: Final = ("index", "name", "phase", "bytes", "files", "items", "demand")
_SHARD_NAME: Final = re.compile(r"[a-z0-9-]+-[0-9]{4,}")
_SHARDS_FILE_MAX_BYTES: Final = 64 * limits.MIB


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """One version, its signature and its hash checked."""

    envelope: bytes
    head: ManifestHead
    body_blob: bytes
    body: ManifestBody


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs a version, its number, and when (unix seconds)."""

    key: signing.SigningKey
    version: int
    issued_at: int


def read_current(out: OutputFolder) -> SignedManifest | None:
    """Return the version that holds; None where nothing was published.

    Raises :class:`CollectionError` that names the file that is damaged or not what it should be.
    """
    envelope = read_bounded(out.head, limits.ENVELOPE_MAX_BYTES)
    if envelope is None:
        return None
    head = _head_of(out, envelope)
    candidates = (out.body, out.version(head.version) / out.body.name)
    for path in candidates:
        blob = read_bounded(path, limits.BLOB_MAX_BYTES)
        if blob is not None and hashlib.sha256(blob).digest() == head.body_sha256:
            return SignedManifest(envelope, head, blob, _body_of(path.name, blob))
    missing = not any(path.exists() for path in candidates)
    raise CollectionError(
        f"{out.body} is missing" if missing else f"{out.body} is not the list of shards that {out.head.name} signs",
        "copy the whole folder again from where it was published",
    )


def write_version(out: OutputFolder, body: ManifestBody, demands: Sequence[int], signer: Signer) -> SignedManifest:
    """Make ``body`` the version that holds.  ``demands`` go by shard, in the catalogue's own unit."""
    blob = encoded(body)
    head = ManifestHead(
        collection=CollectionId(signer.key.public),
        version=signer.version,
        issued_at=signer.issued_at,
        body_sha256=Sha256(hashlib.sha256(blob).digest()),
        body_bytes=len(blob),
    )
    envelope = signing.sign(Kind.MANIFEST_HEAD, codec.encode_manifest_head(head), signer.key)
    folder = out.version(head.version)
    make_folder(folder)
    replace_file(folder / out.body.name, blob)
    replace_file(folder / SHARDS_FILE, _shards_csv(body, demands))
    replace_file(folder / out.head.name, envelope)
    replace_file(out.body, blob)
    replace_file(out.head, envelope)
    _remove_strays(out, body)
    return SignedManifest(envelope, head, blob, body)


def encoded(body: ManifestBody) -> bytes:
    """Return ``body`` as it travels, having made sure that every node will accept it."""
    try:
        blob = codec.encode_manifest_body(body)
        codec.decode_manifest_body(blob)
    except (RecordError, ValueError, UnicodeEncodeError) as error:
        raise CollectionError(f"no node would accept this manifest: {error}") from None
    return blob


def with_demand(body: ManifestBody, demands: Sequence[int]) -> ManifestBody:
    """Return ``body`` with every shard's share of all demand."""
    shares = demand_shares(demands)
    return replace(
        body,
        shards=tuple(replace(shard, demand_ppb=share) for shard, share in zip(body.shards, shares, strict=True)),
    )


def read_demands(out: OutputFolder, current: SignedManifest) -> tuple[int, ...]:
    """Return the demand of every shard of the version that holds, in the catalogue's own unit."""
    path = out.version(current.head.version) / SHARDS_FILE
    data = read_bounded(path, _SHARDS_FILE_MAX_BYTES)
    if data is None:
        raise CollectionError(
            f"{path} is missing, and new shards cannot be weighed against the old ones without it",
            "publish from the folder in which the collection was built",
        )
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
        demands = tuple(int(row["demand"]) for row in rows)
        names = [row["name"] for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error):
        raise CollectionError(f"{path} is damaged", "put your copy of it back") from None
    if names != [shard.name for shard in current.body.shards] or min(demands, default=0) < 0:
        raise CollectionError(f"{path} does not fit the manifest", "put your copy of it back")
    return demands


def _head_of(out: OutputFolder, envelope: bytes) -> ManifestHead:
    try:
        verified = signing.verify(envelope)
        if verified.kind is not Kind.MANIFEST_HEAD:
            raise CollectionError(f"{out.head} is a signed record, but not a manifest's head")
        head = codec.decode_manifest_head(verified.body)
    except RecordError as error:
        raise CollectionError(
            f"{out.head} is damaged or forged: {error}", "copy the whole folder again from where it was published"
        ) from None
    if head.collection != verified.author:
        raise CollectionError(f"{out.head} is signed by another key than the collection's")
    return head


def _body_of(name: str, blob: bytes) -> ManifestBody:
    try:
        return codec.decode_manifest_body(blob)
    except RecordError as error:
        raise CollectionError(f"{name} carries the right hash, but breaks the rules: {error}") from None


def _shards_csv(body: ManifestBody, demands: Sequence[int]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_SHARD_COLUMNS)
    for shard, demand in zip(body.shards, demands, strict=True):
        writer.writerow((shard.index, shard.name, shard.phase, shard.bytes, shard.files, shard.items, demand))
    return text.getvalue().encode("utf-8")


def _remove_strays(out: OutputFolder, body: ManifestBody) -> None:
    """Remove shards that runs with other options left, and torn drafts; only names that a build makes."""
    names = {shard.name for shard in body.shards}
    for folder, suffix in ((out.torrents, ".torrent"), (out.files, ".csv.gz")):
        for path in folder.iterdir():
            name = path.name.removesuffix(".new").removesuffix(suffix)
            if _SHARD_NAME.fullmatch(name) and (name not in names or path.name != name + suffix):
                path.unlink(missing_ok=True)
