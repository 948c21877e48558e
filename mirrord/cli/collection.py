"""``mirrord collection build, inspect, publish``: what a curator does, without a daemon."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mirrord.core.errors import UsageError

if TYPE_CHECKING:
    from mirrord.collections.builder import KeyFile
    from mirrord.collections.planning import PhaseRequest

_DEFAULT_SHARD_SIZE: Final = "100GB"
_TARGET_MIN: Final = 3
_TARGET_MAX: Final = 10

app = typer.Typer(no_args_is_help=True, help="Build, read and publish collections; join and leave them.")


class QualityChoice(StrEnum):
    """Whether the files are as their makers published them."""

    ORIGINAL = "original"
    REENCODED = "reencoded"


class PopularityChoice(StrEnum):
    """Where popularity comes from without a catalogue."""

    NONE = "none"
    SIZE = "size"


Catalogue = Annotated[
    Path | None,
    typer.Option(help="CSV or SQLite: path, popularity; optional demand, title, identifiers, rights, quality, codec."),
]
Rights = Annotated[str, typer.Option(help="Under what terms the files may be shared; a rights column wins.")]
ShardSize = Annotated[str | None, typer.Option(help="Fill shards up to this size.", show_default=_DEFAULT_SHARD_SIZE)]
Shards = Annotated[
    int | None, typer.Option(min=1, max=100_000, help="Make about this many shards of equal size instead.")
]
QualityOption = Annotated[QualityChoice | None, typer.Option(help="The quality tier of all files.")]
Codec = Annotated[str, typer.Option(help="The codec of all files, for people.")]
PopularityFrom = Annotated[PopularityChoice, typer.Option(help="Without a catalogue: popularity from nothing or size.")]
ListedOnly = Annotated[bool, typer.Option("--listed-only", help="Leave out files that no row names.")]
SkipMissing = Annotated[bool, typer.Option("--skip-missing", help="Leave out rows that name no file.")]
SkipUnfit = Annotated[bool, typer.Option("--skip-unfit", help="Leave out names that cannot be carried.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse files without a row, and symbolic links.")]
Key = Annotated[Path | None, typer.Option(help="The curator's key; OUT/curator.key without it.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The files.")],
    out: Annotated[Path, typer.Option(help="Where the collection goes: key, manifest, torrents.")],
    name: Annotated[str, typer.Option(help="What the collection is called.")],
    rights: Rights = "",
    catalogue: Catalogue = None,
    description: Annotated[str, typer.Option(help="What the collection is.")] = "",
    shard_size: ShardSize = None,
    shards: Shards = None,
    target_min: Annotated[int, typer.Option(min=1, max=200, help="Wish for at least so many replicas.")] = _TARGET_MIN,
    target_max: Annotated[int, typer.Option(min=1, max=200, help="Wish for at most so many replicas.")] = _TARGET_MAX,
    quality: QualityOption = None,
    codec: Codec = "",
    popularity_from: PopularityFrom = PopularityChoice.NONE,
    listed_only: ListedOnly = False,
    skip_missing: SkipMissing = False,
    skip_unfit: SkipUnfit = False,
    strict: Strict = False,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a collection from a folder: shards, torrents, a signed manifest.

    Killed at any point, the same command goes on where it was.
    """
    from mirrord.cli.collection_report import report_in_words, report_json
    from mirrord.collections.builder import BuildRequest, build_collection
    from mirrord.collections.progress import progress_on

    if target_max < target_min:
        raise UsageError(f"--target-max {target_max} is below --target-min {target_min}", "give both, smaller first")
    phase = _phase(
        folder, catalogue, rights, shard_size, shards, quality, codec, popularity_from,
        listed_only=listed_only, skip_missing=skip_missing, skip_unfit=skip_unfit, strict=strict,
    )  # fmt: skip
    request = BuildRequest(name, description, target_min, target_max, phase, out, int(time.time()))
    with progress_on(sys.stderr) as progress:
        report = build_collection(request, _key_file(key, out, may_create=True), progress)
    typer.echo(report_json(report, name, out) if as_json else report_in_words(report, name))


@app.command()
def publish(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The collection's folder.")],
    append: Annotated[Path | None, typer.Option(metavar="DIR", help="Add these files as new shards.")] = None,
    withdraw: Annotated[list[int] | None, typer.Option(metavar="INDEX", help="Take a shard back; repeatable.")] = None,
    reason: Annotated[str, typer.Option(help="Why: every node shows it.")] = "",
    rights: Rights = "",
    catalogue: Catalogue = None,
    shard_size: ShardSize = None,
    shards: Shards = None,
    quality: QualityOption = None,
    codec: Codec = "",
    popularity_from: PopularityFrom = PopularityChoice.NONE,
    listed_only: ListedOnly = False,
    skip_missing: SkipMissing = False,
    skip_unfit: SkipUnfit = False,
    strict: Strict = False,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Sign a new version: shards appended, or withdrawn with a reason.

    A shard that is published never changes, and a withdrawal is never taken back.
    """
    from mirrord.cli.collection_report import report_in_words, report_json
    from mirrord.collections.progress import progress_on
    from mirrord.collections.publishing import PublishRequest, publish
    from mirrord.collections.reading import read_collection_folder

    phase = None
    if append is not None:
        phase = _phase(
            append, catalogue, rights, shard_size, shards, quality, codec, popularity_from,
            listed_only=listed_only, skip_missing=skip_missing, skip_unfit=skip_unfit, strict=strict,
        )  # fmt: skip
    request = PublishRequest(out, phase, tuple(withdraw or ()), reason, int(time.time()))
    with progress_on(sys.stderr) as progress:
        report = publish(request, _key_file(key, out, may_create=False), progress)
    name = read_collection_folder(out, check_torrents=False).body.name
    typer.echo(report_json(report, name, out) if as_json else report_in_words(report, name))


@app.command()
def inspect(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The collection's folder.")],
    as_json: Json = False,
) -> None:
    """Check a collection's folder, signature, hashes and all, and say what is in it."""
    from mirrord.cli.collection_report import inspection_json, show_inspection
    from mirrord.collections.inspection import inspect_manifest
    from mirrord.collections.reading import read_collection_folder

    folder = read_collection_folder(out)
    inspection = inspect_manifest(folder.body)
    if as_json:
        typer.echo(inspection_json(folder, inspection))
    else:
        show_inspection(folder, inspection)


def _phase(
    folder: Path,
    catalogue: Path | None,
    rights: str,
    shard_size: str | None,
    shards: int | None,
    quality: QualityChoice | None,
    codec: str,
    popularity_from: PopularityChoice,
    *,
    listed_only: bool,
    skip_missing: bool,
    skip_unfit: bool,
    strict: bool,
) -> "PhaseRequest":
    from mirrord.collections.planning import PhaseRequest
    from mirrord.core.records.kinds import Quality
    from mirrord.sizes import parse_size

    if shards is not None and shard_size is not None:
        raise UsageError("--shards and --shard-size exclude each other", "give one of the two")
    if catalogue is not None and popularity_from is PopularityChoice.SIZE:
        raise UsageError("--popularity-from size needs no catalogue", "the catalogue has a popularity column")
    if catalogue is None and (listed_only or skip_missing):
        raise UsageError("--listed-only and --skip-missing need a catalogue", "give one with --catalogue FILE")
    shard_bytes = parse_size(shard_size or _DEFAULT_SHARD_SIZE)
    if shard_bytes <= 0:
        raise UsageError("a shard of 0 bytes holds nothing", "give --shard-size 100GB or so")
    return PhaseRequest(
        source=folder,
        catalogue=catalogue,
        shard_bytes=shard_bytes,
        parts=shards or 0,
        rights=rights.strip(),
        quality=Quality.UNSPECIFIED if quality is None else Quality[quality.name],
        codec=codec.strip(),
        popularity_is_size=popularity_from is PopularityChoice.SIZE,
        listed_only=listed_only,
        skip_missing=skip_missing,
        skip_unfit=skip_unfit,
        strict=strict,
    )


def _key_file(given: Path | None, out: Path, may_create: bool) -> "KeyFile":
    from mirrord.collections.builder import KeyFile
    from mirrord.collections.layout import OutputFolder
    from mirrord.store.keyfile import create_key, load_key

    may_create = may_create and given is None
    return KeyFile(given or OutputFolder(out).key, load_key, create_key if may_create else None)
