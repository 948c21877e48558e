"""Publishes a new version of a collection: shards appended, or withdrawn with a reason.

What a shard index means never changes, so a new version only ever adds shards at the end, or
marks some as withdrawn; a withdrawal is never taken back.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirrord.collections.builder import BuildReport, KeyFile, report_of
from mirrord.collections.layout import OutputFolder, locked
from mirrord.collections.phases import Phase, PhaseBuilder, PhasePlace, slug_of
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Progress
from mirrord.collections.versions import (
    Signer,
    encoded,
    read_current,
    read_demands,
    with_demand,
    write_version,
)
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import ManifestBody, Shard


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """What changes: ``append`` adds a phase, ``withdraw`` names shards by index, all for one ``reason``."""

    out: Path
    append: PhaseRequest | None
    withdraw: tuple[int, ...]
    reason: str
    issued_at: int


def publish(request: PublishRequest, key_file: KeyFile, progress: Progress) -> BuildReport:
    """Sign and write the next version; where nothing changes, sign nothing and say so.

    Raises :class:`UsageError` for a wrong index, a missing reason or a foreign key, and what
    :func:`mirrord.collections.builder.build_collection` raises.
    """
    began = time.monotonic()
    out = OutputFolder(request.out)
    if not out.head.exists():
        raise UsageError(f"{out.root} holds no collection", "build one first: mirrord collection build")
    if request.append is None and not request.withdraw:
        raise UsageError("nothing to publish", "give --append DIR, or --withdraw INDEX with --reason TEXT")
    if request.append is not None:
        out.check_apart_from(request.append.source)
    out.make()
    with locked(out):
        current = read_current(out)
        assert current is not None, "the head was there"
        key = key_file.key()
        collection = CollectionId(key.public)
        if collection != current.head.collection:
            raise UsageError(f"{key_file.path} is not the key of the collection in {out.root}", "give its own --key")
        body = _withdrawn(current.body, request.withdraw, request.reason)
        demands = read_demands(out, current)
        phase: Phase | None = None
        if request.append is not None:
            phase = _appended(request.append, out, body, progress)
            demands = (*demands, *(shard.demand for shard in phase.shards))
            body = with_demand(replace(body, shards=(*body.shards, *(new.shard for new in phase.shards))), demands)
        if body == current.body:
            return report_of(collection, current.head.version, body, None, _since(began), True)
        issued_at = max(request.issued_at, current.head.issued_at)
        signed = write_version(out, body, demands, Signer(key, current.head.version + 1, issued_at))
    return report_of(collection, signed.head.version, body, phase, _since(began), False)


def _since(began: float) -> float:
    return time.monotonic() - began


def _withdrawn(body: ManifestBody, indexes: Sequence[int], reason: str) -> ManifestBody:
    if not indexes:
        return body
    if not reason.strip():
        raise UsageError("a withdrawal needs a reason", "say it with --reason TEXT: every node shows it")
    shards = list(body.shards)
    for index in indexes:
        if not 0 <= index < len(shards):
            raise UsageError(f"there is no shard {index}", f"the collection has the shards 0 to {len(shards) - 1}")
        if not shards[index].withdrawn:
            shards[index] = replace(shards[index], withdrawn_reason=reason)
    changed = replace(body, shards=tuple(shards))
    encoded(changed)
    return changed


def _appended(request: PhaseRequest, out: OutputFolder, body: ManifestBody, progress: Progress) -> Phase:
    def check(shards: Sequence[Shard]) -> None:
        encoded(replace(body, shards=(*body.shards, *shards)))

    phase = 1 + max((shard.phase for shard in body.shards), default=-1)
    place = PhasePlace(out, slug_of(body.name), phase, len(body.shards))
    return PhaseBuilder(request, place, progress).run(check)
