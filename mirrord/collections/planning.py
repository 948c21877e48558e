"""Plans a build: reads the folder and the catalogue, holds them against each other, cuts the shards.

Nothing of the files' content is read here.  The whole plan follows from folder, catalogue and
options, so it is made afresh by every run; that takes minutes where hashing takes days.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.collections.catalogue import Catalogue, CatalogueRow, open_catalogue
from mirrord.collections.cutting import Cut, CutRule, Cutter, ShardClass
from mirrord.collections.paths import fault_of_path, shown
from mirrord.collections.plan_database import PlanDatabase
from mirrord.collections.progress import Progress, counted
from mirrord.collections.scanning import Found, LeftOut, ScannedFile, Why, pick_files, walk_folder
from mirrord.core.errors import CollectionError
from mirrord.core.records.kinds import Quality

_SKIP_UNFIT: Final = "rename it, or leave all such out with --skip-unfit"
_SKIP_MISSING: Final = "mend the catalogue, or leave such rows out with --skip-missing"


@dataclass(frozen=True, slots=True)
class PhaseRequest:
    """What becomes shards, and how.

    ``rights``, ``quality`` and ``codec`` hold for every item whose row says nothing else.
    ``popularity_is_size`` matters without a catalogue: popularity is then the size in bytes.
    ``listed_only`` leaves out files that no row names; ``strict`` refuses them, and links.
    """

    source: Path
    catalogue: Path | None
    shard_bytes: int
    parts: int = 0
    rights: str = ""
    quality: Quality = Quality.UNSPECIFIED
    codec: str = ""
    popularity_is_size: bool = False
    listed_only: bool = False
    skip_missing: bool = False
    skip_unfit: bool = False
    strict: bool = False

    @property
    def shard_class(self) -> ShardClass:
        """The class of an item whose row says nothing of its own."""
        return ShardClass(self.rights, self.quality, self.codec)


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards in the order of their indexes, and what was left out or assumed, in words."""

    cuts: tuple[Cut, ...]
    files: int
    payload_bytes: int
    notes: tuple[str, ...]


def make_plan(request: PhaseRequest, database: PlanDatabase, progress: Progress) -> Plan:
    """Read everything, check it, cut it; raise :class:`CollectionError` with the file and the row."""
    if not request.source.is_dir():
        raise CollectionError(f"{request.source} is not a folder", "give the folder that holds the files")
    notes: list[str] = []
    left_out = _Tally(request)
    if request.listed_only:
        notes += _read_catalogue(request, database, progress)
        progress.begin("looking for the listed files", "files")
        database.add_files(left_out.files_of(counted(pick_files(request.source, database.listed_paths()), progress)))
    else:
        progress.begin("reading the folder", "files")
        database.add_files(left_out.files_of(counted(walk_folder(request.source), progress)))
        notes += _read_catalogue(request, database, progress)
    notes += left_out.judged()
    if not request.listed_only and request.catalogue is not None:
        notes += _compare(request, database)
    files, payload_bytes = database.sizes()
    if not files:
        raise CollectionError(f"{request.source} has no files to carry")
    progress.begin("cutting shards", "files", files)
    cutter = Cutter(CutRule(request.shard_bytes, request.parts, payload_bytes))
    database.place((cutter.place(item), item.path) for item in counted(database.items(), progress))
    cuts = cutter.finish()
    _check_rights(request, cuts)
    return Plan(cuts, files, payload_bytes, (*notes, *_oversize(request, cuts)))


def _read_catalogue(request: PhaseRequest, database: PlanDatabase, progress: Progress) -> tuple[str, ...]:
    if request.catalogue is None:
        return ()
    with open_catalogue(request.catalogue) as catalogue:
        progress.begin("reading the catalogue", "rows")
        database.add_rows(_classed(request, catalogue, progress))
        notes = catalogue.header.notes
    duplicate = database.duplicate()
    if duplicate is not None:
        path, first, second = duplicate
        raise CollectionError(
            f"{request.catalogue}: row {second}: {shown(path)} has a row already: row {first}", "a file has one row"
        )
    return notes


def _classed(
    request: PhaseRequest, catalogue: Catalogue, progress: Progress
) -> Iterator[tuple[CatalogueRow, ShardClass]]:
    known: dict[ShardClass, ShardClass] = {}
    for row in counted(catalogue.rows(), progress):
        wanted = ShardClass(
            row.rights.strip() or request.rights, row.quality or request.quality, row.codec.strip() or request.codec
        )
        if not wanted.rights:
            raise CollectionError(
                f"{catalogue.path}: row {row.number}: {shown(row.path)} has no rights statement",
                "fill its column, or give one for all with --rights",
            )
        yield row, known.setdefault(wanted, wanted)


def _compare(request: PhaseRequest, database: PlanDatabase) -> list[str]:
    """Hold catalogue and folder against each other."""
    notes = []
    missing = 0
    for number, path in database.rows_without_file():
        missing += 1
        if not request.skip_missing:
            raise CollectionError(
                f"{request.catalogue}: row {number}: {shown(path)} {_why_missing(path)}", _nearby(request, path)
            )
    if missing:
        notes.append(f"{missing:,} rows of the catalogue name no file and are left out")
    unlisted = 0
    for path in database.files_without_row():
        unlisted += 1
        if request.strict:
            raise CollectionError(
                f"{shown(path)} has no row in {request.catalogue}", "add one, or build without --strict: popularity 0"
            )
    if unlisted:
        notes.append(f"{unlisted:,} files have no row in the catalogue and count as popularity 0")
    return notes


def _why_missing(path: str) -> str:
    fault = fault_of_path(path)
    return f"cannot be a file of the folder: {fault}" if fault else "is not a file of the folder"


def _nearby(request: PhaseRequest, path: str) -> str:
    """Return the hint that fits: the same name in another form is the commonest slip."""
    forms = (
        path.removeprefix("./"),
        path.removeprefix(f"{request.source.name}/"),
        path.replace("\\", "/"),
        unicodedata.normalize("NFC", path),
        unicodedata.normalize("NFD", path),
    )
    for form in forms:
        if form != path and not fault_of_path(form) and (request.source / form).is_file():
            return f"the folder has {form!a}, and the row says {ascii(path)[:200]}"
    return _SKIP_MISSING


def _check_rights(request: PhaseRequest, cuts: Iterable[Cut]) -> None:
    if any(not cut.shard_class.rights for cut in cuts):
        raise CollectionError(
            "some files have no rights statement" if request.catalogue else "there is no rights statement",
            "say with --rights under what terms these files may be shared; a rights column of the catalogue wins",
        )


def _oversize(request: PhaseRequest, cuts: Iterable[Cut]) -> list[str]:
    oversize = [cut for cut in cuts if cut.oversize]
    if not oversize:
        return []
    first = shown(oversize[0].first_path)
    return [f"{len(oversize):,} files are larger than a shard should be and get one each: {first} first"]


class _Tally:
    """Counts what is left out, and remembers the first of each sort."""

    def __init__(self, request: PhaseRequest) -> None:
        self._request = request
        self._counts: Counter[Why] = Counter()
        self._first: dict[Why, LeftOut] = {}

    def files_of(self, found: Iterable[Found]) -> Iterator[ScannedFile]:
        """Yield the files, count the rest."""
        for one in found:
            if isinstance(one, ScannedFile):
                yield one
            else:
                self._counts[one.why] += 1
                self._first.setdefault(one.why, one)

    def judged(self) -> list[str]:
        """Say what is left out, or raise :class:`CollectionError` where it may not be."""
        tolerated = {Why.EMPTY_FOLDER}
        if not self._request.strict:
            tolerated.add(Why.LINK)
        if self._request.skip_unfit:
            tolerated |= {Why.UNFIT, Why.SPECIAL}
        if self._request.skip_missing:
            tolerated.add(Why.MISSING)
        notes = []
        for why in Why:
            count = self._counts[why]
            if not count:
                continue
            first = self._first[why]
            if why not in tolerated:
                more = f" (and {count - 1:,} more {why.value})" if count > 1 else ""
                raise CollectionError(f"{shown(first.path)}: {first.reason}{more}", self._hint(why))
            notes.append(f"{count:,} {why.value} are left out: {shown(first.path)} first")
        return notes

    def _hint(self, why: Why) -> str:
        if why is Why.LINK:
            return "put the file itself there, or build without --strict: links are left out"
        return _SKIP_MISSING if why is Why.MISSING else _SKIP_UNFIT
