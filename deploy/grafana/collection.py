"""The Collection dashboard: is it safe, what is in danger, is it getting better, and when will it be whole?"""

from typing import Final

from deploy.grafana import collection_copies, collection_outlook, layout, marks
from deploy.grafana.layout import Page, Section
from deploy.grafana.panels import NO_AUDITS_YET, AnyPanel, Frame, Query, number
from deploy.grafana.promql import highest, lowest, ours, select

# "verified" is 0 as long as nobody audits.  To show that as "no copies" would frighten for nothing, so the figures
# at the top have no value then, and say why.
NOT_AUDITED: Final = f'label_replace({highest(select("mirrord_auditing"))} == 0, "kind", "verified", "", "")'

RAREST: Final = lowest(ours("mirrord_min_replicas", kind="~$kind"), "kind")
BELOW: Final = highest(ours("mirrord_shards_below_target", kind="~$kind"), "kind")
COVERED: Final = highest(ours("mirrord_coverage_ratio", weight="demand", replicas="target", kind="~$kind"), "kind")


def _proved(vector: str) -> str:
    """Return ``vector`` (with a label ``kind``) without what is said to be verified while nobody audits."""
    return f"{vector} unless on (kind) {NOT_AUDITED}"


def page() -> Page:
    """Return the dashboard."""
    return Page(
        name="collection",
        title="mirrord / Collection",
        description="Is the collection safe, what is in danger, is it getting better, and when will it be whole?",
        since="now-7d",
        variables=(
            layout.datasource(),
            layout.job(),
            layout.collection(),
            layout.daemons('mirrord_collection_info{job=~"$job", collection="$collection"}', "Seen by"),
            layout.replica_kind(),
        ),
        sections=(
            Section("Is it safe?", (_verdict(), *_figures(), *_prospects(), *_progress(), *_size())),
            *collection_copies.sections(),
            *collection_outlook.sections(),
        ),
    )


def _verdict() -> AnyPanel:
    """Return the panel that says it in a word: the rarest shard counts up to two, ten more mean: nothing is below."""
    verdict = f"(clamp_max({RAREST}, 2) + 10 * ({BELOW} == bool 0))"
    return number(
        Frame(
            "Verdict",
            "LOSING: a shard has no copy left that counts. IN DANGER: a shard has one copy, so one disk decides. "
            "REPAIRING: every shard has two copies, but not all their target. SAFE: every shard has its target. It "
            "follows the most pessimistic of the daemons. What to do stands further down: who lacks what.",
            "none",
            (6, 5),
            NO_AUDITS_YET,
        ),
        Query(_proved(verdict), "{{kind}}"),
        mappings=marks.words(
            {
                0: ("LOSING: a shard has no copy", marks.DARK_RED),
                1: ("IN DANGER: a shard has one copy", marks.RED),
                2: ("REPAIRING: copies are missing", marks.YELLOW),
                10: ("EMPTY: no shards", marks.GREY),
                11: ("AT TARGET, but of one copy", marks.YELLOW),
                12: ("SAFE", marks.GREEN),
            }
        ),
        filled=True,
    )


def _figures() -> tuple[AnyPanel, ...]:
    return (
        number(
            Frame(
                "Fewest copies",
                "Replicas of the rarest shard, as the most pessimistic daemon counts them. 1 is an emergency: one disk "
                "is all there is.",
                "none",
                (3, 5),
                NO_AUDITS_YET,
            ),
            Query(_proved(RAREST), "{{kind}}"),
            thresholds=marks.copies(),
        ),
        number(
            Frame(
                "Demand covered",
                "The part of all demand whose shards have their target of replicas. The tail, which nobody asks for, "
                "hardly counts here: see its own section.",
                "percentunit",
                (3, 5),
                NO_AUDITS_YET,
            ),
            Query(_proved(COVERED), "{{kind}}"),
            thresholds=marks.covered(),
        ),
        number(
            Frame(
                "Shards below target",
                "Shards that have fewer replicas than they should. It falls by itself while somebody has room; if it "
                "does not, raise a pledge or invite a node.",
                "short",
                (3, 5),
                NO_AUDITS_YET,
            ),
            Query(_proved(BELOW), "{{kind}}"),
            thresholds=marks.none_is_good(),
        ),
    )


def _prospects() -> tuple[AnyPanel, ...]:
    return (
        number(
            Frame(
                "Audits",
                "Whether somebody proves the copies. As long as there are none, every copy is one that its holder "
                "claims to have, and none is verified.",
                "none",
                (3, 5),
            ),
            Query(highest(select("mirrord_auditing"))),
            mappings=marks.words({0: ("none yet: nothing is verified", marks.GREY), 1: ("running", marks.GREEN)}),
        ),
        number(
            Frame(
                "Expected losses a year",
                "Shards that will be lost within a year, by the model in docs/coverage.md, from the lifetimes and "
                "repair times that were measured. Far below 1 is safe; more copies or faster repair lower it.",
                "short",
                (6, 5),
            ),
            Query(highest(ours("mirrord_expected_shard_losses"), "collection")),
            thresholds=marks.steps(marks.GREEN, (0.01, marks.YELLOW), (0.1, marks.ORANGE), (1, marks.RED)),
            decimals=6,
        ),
    )


def _progress() -> tuple[AnyPanel, ...]:
    change = highest(f"delta({ours('mirrord_repair_backlog_bytes')}[$__range])", "collection")
    return (
        number(
            Frame(
                "Missing copies",
                "The bytes that must be fetched until every shard has its target: for each shard, its missing copies "
                "times its size.",
                "decbytes",
                (5, 4),
            ),
            Query(highest(ours("mirrord_repair_backlog_bytes"), "collection")),
            thresholds=marks.none_is_good(),
        ),
        number(
            Frame(
                "Better or worse",
                "By how much the missing copies grew in the time that this page shows. Below zero: it is getting "
                "better.",
                "decbytes",
                (5, 4),
                "not yet known",
            ),
            Query(change),
            thresholds=marks.steps(marks.GREEN, (1, marks.ORANGE)),
        ),
        number(
            Frame(
                "Whole in",
                "When every shard will have its target, if repairs go on at the rate that was measured. Unknown where "
                "no repair has been seen yet, or none makes progress.",
                "s",
                (5, 4),
                "unknown",
            ),
            Query(highest(ours("mirrord_repair_eta_seconds"), "collection")),
            mappings=marks.words({0: ("it is whole", marks.GREEN)}),
        ),
    )


def _size() -> tuple[AnyPanel, ...]:
    return (
        number(
            Frame(
                "Size",
                "All shards that stand, once each.",
                "decbytes",
                (3, 4),
            ),
            Query(highest(ours("mirrord_collection_bytes"), "collection")),
        ),
        number(
            Frame("Shards", "The shards that stand; withdrawn ones are left out everywhere.", "short", (3, 4)),
            Query(highest(ours("mirrord_collection_shards"), "collection")),
        ),
        number(
            Frame(
                "Holders",
                "Nodes that hold or fetch shards of the collection, as the best informed daemon knows them.",
                "short",
                (3, 4),
            ),
            Query(highest(ours("mirrord_collection_holders"), "collection")),
            thresholds=marks.steps(marks.RED, (1, marks.ORANGE), (3, marks.GREEN)),
        ),
    )
