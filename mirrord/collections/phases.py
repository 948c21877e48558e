"""Turns one folder into shards on disk: a .torrent and a list of files each.  Goes on where a kill stopped it.

A phase is what one build or one ``publish --append`` adds.  The order for each shard is: read and
hash, make the .torrent durable, write down that the shard is finished.
"""

import csv
import gzip
import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mirrord.collections.cutting import Cut
from mirrord.collections.finished import FinishedShards, FinishedTorrent, fingerprint_of, finished_shards
from mirrord.collections.layout import OutputFolder, read_bounded, replace_file
from mirrord.collections.paths import shown
from mirrord.collections.plan_database import PlacedFile, PlanDatabase, plan_database
from mirrord.collections.planning import PhaseRequest, Plan, make_plan
from mirrord.collections.progress import Progress
from mirrord.core import limits
from mirrord.core.errors import CollectionError, UsageError
from mirrord.core.records.ids import Sha256, ShardIndex
from mirrord.core.records.kinds import Shard

LISTING_COLUMNS: Final = ("path", "bytes", "popularity", "demand", "title", "identifiers")
_SLUG_MAX_CHARACTERS: Final = 64
_GZIP_LEVEL: Final = 6
Check = Callable[[Sequence[Shard]], None]
_PLACEHOLDER: Final = FinishedTorrent(bytes(32), 1, bytes(20), bytes(32))


@dataclass(frozen=True, slots=True)
class PhaseShard:
    """A shard of the phase; its place among all demand is not known yet, so ``shard.demand_ppb`` is 0."""

    shard: Shard
    demand: int


@dataclass(frozen=True, slots=True)
class Phase:
    """What a phase came to.  ``hashed_bytes`` were read in this run, ``reused_shards`` were not."""

    shards: tuple[PhaseShard, ...]
    hashed_bytes: int
    reused_shards: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhasePlace:
    """Where a phase goes: after which shards, under which names.

    ``finished_only`` refuses to hash: the phase must be what was published already.
    """

    out: OutputFolder
    slug: str
    phase: int
    first_index: int
    finished_only: bool = False

    def name_of(self, index: int) -> str:
        """Return the name of a shard, which is its folder's too."""
        return f"{self.slug}-{index:04d}"


def slug_of(name: str) -> str:
    """Return ``name`` in lower-case ASCII letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_MAX_CHARACTERS].strip("-") or "collection"


class PhaseBuilder:
    """Plans a phase and hashes what is not finished."""

    def __init__(self, request: PhaseRequest, place: PhasePlace, progress: Progress) -> None:
        self._request = request
        self._place = place
        self._progress = progress
        self._earlier = {place.name_of(index) for index in range(place.first_index)}
        self._hashed_bytes = 0
        self._reused_shards = 0

    def run(self, check: Check) -> Phase:
        """Build the phase.  ``check`` sees the shards, hashes left blank, before anything is read."""
        request, out = self._request, self._place.out
        with (
            plan_database(out.plan, request.shard_class, request.popularity_is_size) as database,
            finished_shards(out.finished) as finished,
        ):
            plan = make_plan(request, database, self._progress)
            for note in plan.notes:
                self._progress.say(note)
            check([self._shard(index, cut, _PLACEHOLDER).shard for index, cut in self._numbered(plan)])
            self._progress.begin(f"hashing {len(plan.cuts):,} shards", "bytes", plan.payload_bytes)
            shards = [
                self._shard(index, cut, self._torrent_of(index, cut, database, finished))
                for index, cut in self._numbered(plan)
            ]
        return Phase(tuple(shards), self._hashed_bytes, self._reused_shards, plan.notes)

    def _numbered(self, plan: Plan) -> list[tuple[int, Cut]]:
        return list(enumerate(plan.cuts, self._place.first_index))

    def _torrent_of(self, index: int, cut: Cut, database: PlanDatabase, finished: FinishedShards) -> FinishedTorrent:
        name = self._place.name_of(index)
        files = database.content(cut.numbers)
        fingerprint = fingerprint_of(files)
        self._check_new(finished.names_of(fingerprint))
        torrent = finished.find(name, fingerprint)
        if torrent is not None and _is_there(self._place.out, name, torrent):
            self._reused_shards += 1
            self._progress.advance(cut.bytes)
        elif self._place.finished_only:
            raise UsageError(
                f"{self._place.out.root} holds a published collection, and shard {name} would change",
                "a shard never changes: add files with `mirrord collection publish --append`, or use another --out",
            )
        else:
            torrent = self._hash(name, files)
            finished.keep(name, fingerprint, torrent)
        if not self._place.finished_only:
            self._write_listing(name, files)
        return torrent

    def _hash(self, name: str, files: Sequence[PlacedFile]) -> FinishedTorrent:
        from mirrord.torrents.builder import ShardFile, build_torrent

        source = self._request.source
        parts = [ShardFile(file.path, file.bytes) for file in files]
        built = build_torrent(name, parts, source, progress=self._progress.advance, piece_bytes=None)
        for file in files:
            self._check_unchanged(file)
        replace_file(self._place.out.torrent(name), built.torrent)
        self._hashed_bytes += built.payload_bytes
        return FinishedTorrent(built.sha256, len(built.torrent), built.info_hash_v1, built.info_hash_v2)

    def _check_new(self, names: Iterable[str]) -> None:
        """Refuse what an earlier phase holds: a second `publish --append` of one folder would double it."""
        for name in names:
            if name in self._earlier:
                raise UsageError(
                    f"the files of shard {name}, which is published already, are among these",
                    "append a folder that holds new files only",
                )

    def _check_unchanged(self, file: PlacedFile) -> None:
        try:
            now = (self._request.source / file.path).lstat()
            unchanged = (now.st_size, now.st_mtime_ns) == (file.bytes, file.modified_ns)
        except OSError:
            unchanged = False
        if not unchanged:
            raise CollectionError(
                f"{shown(file.path)} changed while the collection was built",
                "let nothing write to the folder, and run the same command again: it goes on where it was",
            )

    def _write_listing(self, name: str, files: Sequence[PlacedFile]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(LISTING_COLUMNS)
        writer.writerows((f.path, f.bytes, f.popularity, f.demand, f.title, f.identifiers) for f in files)
        data = gzip.compress(text.getvalue().encode("utf-8"), _GZIP_LEVEL, mtime=0)
        path = self._place.out.listing(name)
        if read_bounded(path, len(data)) != data:
            replace_file(path, data)

    def _shard(self, index: int, cut: Cut, torrent: FinishedTorrent) -> PhaseShard:
        shard = Shard(
            index=ShardIndex(index),
            name=self._place.name_of(index),
            info_hash_v2=torrent.info_hash_v2,
            info_hash_v1=torrent.info_hash_v1,
            torrent_sha256=Sha256(torrent.sha256),
            torrent_bytes=torrent.torrent_bytes,
            bytes=cut.bytes,
            files=cut.files,
            items=cut.items,
            popularity_min=cut.popularity_min,
            popularity_max=cut.popularity_max,
            demand_ppb=0,
            rights=cut.shard_class.rights,
            quality=cut.shard_class.quality,
            codec=cut.shard_class.codec,
            phase=self._place.phase,
        )
        return PhaseShard(shard, cut.demand)


def _is_there(out: OutputFolder, name: str, torrent: FinishedTorrent) -> bool:
    data = read_bounded(out.torrent(name), limits.TORRENT_MAX_BYTES)
    return data is not None and hashlib.sha256(data).digest() == torrent.sha256
