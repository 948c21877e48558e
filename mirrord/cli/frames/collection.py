"""One collection: is it safe, what is in danger, when will it be whole?"""

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from mirrord.cli.frames.canvas import Canvas, fitted, flowed, joined
from mirrord.cli.text import counted, cut, format_share, printable, wrap
from mirrord.control.coverage_shapes import CollectionCoverageShape, CoverageAnswer, DomainShape, OutsideShape
from mirrord.control.shapes import ShardShape
from mirrord.core.wording import format_size, format_small, format_wait

NAME_COLUMNS: Final = 40
_MARKS: Final = {"lost": "✕", "danger": "!", "below": "-", "waiting": "…", "safe": "✓"}
_ASCII_MARKS: Final = {"lost": "x", "danger": "!", "below": "-", "waiting": "?", "safe": "+"}
_SOURCES: Final = {"tracker": "trackers", "dht": "the DHT"}
_JUDGEMENT_LINES: Final = 2


def mark(canvas: Canvas, safety: str) -> str:
    """Return the sign for a word of safety."""
    return (_MARKS if canvas.unicode else _ASCII_MARKS).get(safety, "?")


def style_of(safety: str) -> str:
    """Return the style of a word of safety; one of a newer daemon is shown like waiting."""
    return safety if safety in _MARKS else "waiting"


def name_of(name: str, identity: str) -> str:
    """Return what a collection is called."""
    return cut(printable(name), NAME_COLUMNS) or identity[:8]


def judgement_lines(collection: CollectionCoverageShape, canvas: Canvas) -> list[Text]:
    """Return whether it is safe."""
    style = style_of(collection.safety)
    said = wrap(printable(collection.judgement), max(1, canvas.width - 4))[:_JUDGEMENT_LINES]
    width = max(len(line) for line in said)
    signs = (mark(canvas, collection.safety), *(" " * (_JUDGEMENT_LINES - 1)))
    return [
        fitted(canvas.text(f" {sign} {line:<{width}} ", style), canvas.width)
        for sign, line in zip(signs, said, strict=False)
    ]


def title(collection: CollectionCoverageShape) -> str:
    """Return what it is and how large."""
    name = name_of(collection.name, collection.id)
    if not collection.manifest_version:
        return name
    size = f"{counted(collection.shards, 'shard')}, {format_size(collection.bytes)}"
    return f"{name}  version {collection.manifest_version}, {size}, {counted(collection.holders, 'holder')}"


def figures(collection: CollectionCoverageShape, auditing: bool, canvas: Canvas, rows: int | None) -> list[Text]:
    """Return the numbers that matter, in at most so many lines."""
    claimed = collection.kinds.get("claimed")
    if claimed is None or not collection.shards:
        return []
    pieces = [
        _figure(canvas, "demand at target", format_share(claimed.demand_covered.target), claimed.below_target > 0),
        _figure(canvas, "rarest", counted(claimed.min_replicas, "replica"), claimed.min_replicas < 2),
        _figure(canvas, "below target", f"{claimed.below_target:,}", claimed.below_target > 0),
        _figure(canvas, "missing", format_size(collection.backlog_bytes) if collection.backlog_bytes else "nothing"),
        _figure(canvas, "whole", whole_in(collection.backlog_bytes, collection.repair_eta_seconds)),
        _figure(canvas, "expected losses", f"{format_small(collection.expected_shard_losses)} a year"),
    ]
    verified = collection.kinds.get("verified")
    if auditing and verified is not None:
        pieces.append(_figure(canvas, "verified", counted(verified.copies, "copy", "copies")))
    else:
        pieces.append(_figure(canvas, "verified", "no audits yet"))
    if collection.stale_copies:
        pieces.append(_figure(canvas, "stale", counted(collection.stale_copies, "copy", "copies"), True))
    return flowed(canvas, pieces, rows)


def _figure(canvas: Canvas, label: str, value: str, is_bad: bool = False) -> Text:
    return joined((canvas.text(f"{label} ", "quiet"), canvas.text(value, "warn" if is_bad else "strong")))


def whole_in(backlog_bytes: int, eta_seconds: float | None) -> str:
    """Return when everything has its target, if repairs go on as measured."""
    if not backlog_bytes:
        return "now"
    return "nobody can tell yet" if eta_seconds is None else f"in {format_wait(eta_seconds)}"


def worst_lines(collection: CollectionCoverageShape, canvas: Canvas, rows: int) -> list[Text]:
    """Return the worst shards, one a line; where there are more, the last line says so."""
    below = collection.kinds["claimed"].below_target if "claimed" in collection.kinds else 0
    if not collection.worst:
        said = "no shard is below its target" if collection.shards else "no shard is known yet"
        return [fitted(canvas.text(f" {said}", "quiet"), canvas.width)][:rows]
    longest = max(canvas.text(printable(shard.name)).cell_len for shard in collection.worst)
    names = min(max(12, canvas.width - 50), longest)
    shown = [_shard_line(shard, names, canvas) for shard in collection.worst[:rows]]
    if below > len(shown) and len(shown) > 1:
        shown[-1] = canvas.text(f" and {below - len(shown) + 1:,} more: mirrord shards --below-target", "quiet")
    return [fitted(line, canvas.width) for line in shown]


def _shard_line(shard: ShardShape, names: int, canvas: Canvas) -> Text:
    style = "bad" if shard.replicas < 2 else "warn"
    name = fitted(canvas.text(printable(shard.name)), names, pad=True)
    pieces = [canvas.text(" "), name, canvas.text(f"  {shard.replicas} of {shard.target}", style)]
    pieces.append(canvas.text(f"  {format_size(shard.bytes):>7}"))
    more = [counted(shard.claims, "claim")] if shard.claims else []
    more += [f"{shard.stale:,} stale"] if shard.stale else []
    more += [_part(shard)] if shard.role not in ("none", "held") else ["here"] if shard.role == "held" else []
    pieces.append(canvas.text("  " + ", ".join(more), "quiet"))
    return joined(pieces)


def _part(shard: ShardShape) -> str:
    return f"{shard.role} {shard.percent} %" if shard.role in ("fetching", "checking") else shard.role


def domain_lines(collection: CollectionCoverageShape, canvas: Canvas) -> list[Text]:
    """Return what would go with the largest failure domains."""
    return [fitted(_domain_line(domain, canvas), canvas.width) for domain in collection.domains]


def _domain_line(domain: DomainShape, canvas: Canvas) -> Text:
    kind = domain.kind.upper() if domain.kind == "asn" else domain.kind
    name = cut(printable(domain.name), NAME_COLUMNS)
    lost = f"{counted(domain.lost_shards, 'shard')} lost" if domain.lost_shards else "nothing lost"
    return joined(
        (
            canvas.text(f" {printable(kind)} ", "quiet"),
            canvas.text(name),
            canvas.text(f" ({counted(domain.nodes, 'node')}, {format_share(domain.share)} of all): ", "quiet"),
            canvas.text(lost, "bad" if domain.lost_shards else ""),
            canvas.text(f", {domain.below_target_shards:,} below target"),
        )
    )


def outside_lines(answer: CoverageAnswer, collection: CollectionCoverageShape, canvas: Canvas) -> list[Text]:
    """Return what trackers and the DHT tell of seeders outside mirrord."""
    lines = (
        fitted(_outside_line(source, told, answer.at, canvas), canvas.width)
        for source, told in collection.outside.items()
    )
    return list(lines)


def _outside_line(source: str, told: OutsideShape, at: float, canvas: Canvas) -> Text:
    counts = ", ".join(_seeders(told))
    age = "" if told.oldest_answer_at is None else f"; answers up to {format_wait(at - told.oldest_answer_at)} old"
    name = printable(_SOURCES.get(source, source))
    only = f"; {counted(told.only_outside, 'shard')} only there" if told.only_outside else ""
    return joined(
        (canvas.text(f" {name}: ", "quiet"), canvas.text(counts), canvas.text(only, "warn"), canvas.text(age))
    )


def _seeders(told: OutsideShape) -> Iterator[str]:
    last = len(told.by_seeders) - 1
    for seeders, shards in enumerate(told.by_seeders):
        yield f"{shards:,} with {seeders}{'+' if seeders == last else ''}"
    yield f"{told.unknown:,} not known"
