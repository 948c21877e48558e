"""Builds a collection: a folder in, a signed version 1 and its torrents out.

The manifest's body follows from input, options and key alone: built twice, or killed and built on,
it is the same byte for byte.  The head carries the time of signing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrord.collections.layout import OutputFolder, locked
from mirrord.collections.phases import Phase, PhaseBuilder, PhasePlace, slug_of
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Progress
from mirrord.collections.versions import Signer, encoded, read_current, with_demand, write_version
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import ManifestBody, Shard
from mirrord.core.records.signing import SigningKey


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The curator's key.  ``create`` is None where the file must be there already.

    Both functions return the seed of 32 bytes and raise an error of ours that names the file.
    """

    path: Path
    load: Callable[[Path], bytes]
    create: Callable[[Path], bytes] | None

    def key(self) -> SigningKey:
        """Return the key, made first where it may be."""
        make = self.create if self.create is not None and not self.path.exists() else self.load
        return SigningKey(make(self.path))


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A collection to be: ``out`` is its folder, ``issued_at`` unix seconds."""

    name: str
    description: str
    target_min_replicas: int
    target_max_replicas: int
    phase: PhaseRequest
    out: Path
    issued_at: int


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build or a publication came to.  ``unchanged``: it was done already, nothing was signed."""

    collection: CollectionId
    version: int
    shards: int
    files: int
    items: int
    bytes: int
    hashed_bytes: int
    reused_shards: int
    seconds: float
    unchanged: bool
    notes: tuple[str, ...]


def build_collection(request: BuildRequest, key_file: KeyFile, progress: Progress) -> BuildReport:
    """Build version 1, going on where an earlier run was stopped.

    Raises :class:`CollectionError` where folder, catalogue or options cannot become a collection,
    :class:`UsageError` where the folder holds another one, :class:`StorageError` for the disk.
    """
    began = time.monotonic()
    out = OutputFolder(request.out)
    out.check_apart_from(request.phase.source)
    out.make()
    with locked(out):
        current = read_current(out)
        key = key_file.key()
        collection = CollectionId(key.public)
        if current is not None and (current.head.version > 1 or current.head.collection != collection):
            raise UsageError(
                f"{out.root} holds version {current.head.version} of the collection {current.body.name!r}",
                "use `mirrord collection publish` for a new version, or another --out for a new collection",
            )
        place = PhasePlace(out, slug_of(request.name), 0, 0, finished_only=current is not None)
        phase = PhaseBuilder(request.phase, place, progress).run(lambda shards: _trial(request, shards))
        demands = [shard.demand for shard in phase.shards]
        body = with_demand(_body(request, [shard.shard for shard in phase.shards]), demands)
        if current is None:
            write_version(out, body, demands, Signer(key, 1, request.issued_at))
        elif encoded(body) != current.body_blob:
            raise UsageError(
                f"{out.root} holds this collection already, published with other options or another catalogue",
                "what is published never changes: use another --out",
            )
    return report_of(collection, 1, body, phase, time.monotonic() - began, current is not None)


def report_of(
    collection: CollectionId, version: int, body: ManifestBody, phase: Phase | None, seconds: float, unchanged: bool
) -> BuildReport:
    """Sum a version up; ``phase`` is what this run added to it."""
    return BuildReport(
        collection=collection,
        version=version,
        shards=len(body.shards),
        files=sum(shard.files for shard in body.shards),
        items=sum(shard.items for shard in body.shards),
        bytes=sum(shard.bytes for shard in body.shards),
        hashed_bytes=phase.hashed_bytes if phase else 0,
        reused_shards=phase.reused_shards if phase else 0,
        seconds=seconds,
        unchanged=unchanged,
        notes=phase.notes if phase else (),
    )


def _body(request: BuildRequest, shards: Sequence[Shard]) -> ManifestBody:
    return ManifestBody(
        request.name, request.description, request.target_min_replicas, request.target_max_replicas, tuple(shards)
    )


def _trial(request: BuildRequest, shards: Sequence[Shard]) -> None:
    """Find out before days of hashing whether the manifest will be accepted."""
    encoded(_body(request, shards))
