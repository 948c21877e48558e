"""What the page says of a snapshot, and in what form."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from page_reading import Page, PageReader, page_of

from mirrord.core.coverage.domains import Placed
from mirrord.core.gossip.reach import Finding, OwnAddress
from mirrord.core.outside.types import OutsideAnswers, OutsideSource
from mirrord.core.placement.pairs import Pairs
from mirrord.core.records.ids import Address
from mirrord.core.records.kinds import Policy
from mirrord.core.statistics import CollectionStatistics, Happening, NodeStatistics, ShardRole, Transfer
from mirrord.page.layout import SHOWN_WHOLE
from mirrord.page.node_section import HAPPENINGS_SHOWN
from tests.builders import AT, make_collection, make_node, make_shard, make_statistics


def collection_of(*replicas: int, **changes: object) -> CollectionStatistics:
    return make_collection([make_shard(i, count) for i, count in enumerate(replicas)], **changes)


def page_with(*collections: CollectionStatistics, node: NodeStatistics | None = None) -> Page:
    return page_of(make_statistics(collections, node=node))


def rows_after(page: Page, caption: str) -> list[str]:
    """Return the rows of a table, their cells parted by bars."""
    html = page.html.decode()
    body = html[html.index(f"<caption>{caption}") :]
    body = body[: body.index("</table>")]
    rows = re.findall(r"<tr>(.*?)</tr>", body)
    return [
        "|".join(PageReader(f"<p>{cell}</p>").text for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row))
        for row in rows
    ]


def test_the_judgement_stands_first_and_in_words() -> None:
    page = page_with(collection_of(3, 1, 1, 2))
    assert page.read.within("h1") == ["mirrord"]
    assert "In danger: 2 shards have only one replica; 1 more below target" in page.text
    assert page.text.index("In danger") < page.text.index("Demand covered") < page.text.index("Shards by popularity")
    assert page.read.within("title")[0].startswith("danger: mirrord ")


def test_the_large_numbers_are_those_of_the_snapshot() -> None:
    collection = collection_of(3, 1, 3, 4)
    page = page_with(collection)
    assert "Demand covered 73.3 % of all demand is for shards at target" in page.text
    assert "Rarest shard 1 replica the target is 3" in page.text
    assert "Below target 1 of 4 shards" in page.text
    assert "Missing 200 GB still to be copied" in page.text
    assert "Whole in 11 h if repairs go on as measured" in page.text
    assert (
        f"Expected losses {collection.durability.expected_shard_losses:.3g} shards a year, if nodes last 90 days"
        in page.text
    )
    safe = page_with(collection_of(3, 4))
    assert "Missing nothing and 100 GB more than asked for" in safe.text
    assert "Whole in whole now" in safe.text
    assert "Missing nothing and none to spare" in page_with(collection_of(3, 3)).text
    unmeasured = replace(collection.measures, repair_bytes_per_second=None)
    assert "Whole in not known no repair was measured yet" in page_with(replace(collection, measures=unmeasured)).text


def test_losses_that_are_to_be_expected_are_marked() -> None:
    assert b'class="marked"' not in page_with(collection_of(4, 4)).html
    assert b'class="marked"' in page_with(collection_of(0, 1)).html


def test_bands_are_told_without_any_script() -> None:
    page = page_with(collection_of(0, 3, 1, 2, 5, 7))
    assert rows_after(page, "Bands of popularity") == [
        "band|shards|demand|0|1|2|3|4|5+|at target",
        "head|1|50.0 %|1|·|·|·|·|·|0",
        "upper|1|25.0 %|·|·|·|1|·|·|1",
        "middle|1|12.5 %|·|1|·|·|·|·|0",
        "tail|1|6.2 %|·|·|1|·|·|·|0",
        "zero|2|4.6 %|·|·|·|·|·|2|2",
    ]


def test_the_worst_shards_come_first_and_are_counted() -> None:
    shards = [make_shard(i, 2) for i in range(30)]
    shards[17] = make_shard(17, 0, claims=2, stale=1)
    shards[4] = make_shard(4, 1)
    rows = rows_after(page_with(make_collection(shards)), "Worst shards: 20 of 30 below target")
    assert rows[1:3] == ["shard-00017|0 of 3|100 GB|2|1", "shard-00004|1 of 3|100 GB|·|·"]
    assert len(rows) == 1 + 20
    assert "Worst shards" not in page_with(collection_of(3, 3)).text


def test_no_replica_is_called_verified() -> None:
    shards = [make_shard(0, 3, stale=2), make_shard(1, 4), make_shard(2, 9, withdrawn_reason="x", stale=5)]
    assert rows_after(page_with(make_collection(shards)), "Replicas by kind")[1:] == [
        "Claimed|7|they count: their holders say so",
        "Verified|0|no audits yet",
        "Stale|2|on nodes that fell silent: not counted",
        "Disputed|0|no audits yet",
    ]


def test_what_the_largest_domains_take_along() -> None:
    said = [("Anna", "", "NL", 0), ("Anna", "", "DE", 0), ("Bert", "", "", 0)]
    copies = Pairs(np.array([0, 1, 2], dtype=np.int32), np.array([0, 1, 1], dtype=np.int32))
    placed = Placed(copies, np.ones(3, dtype=np.bool_), said)
    page = page_with(collection_of(1, 2, placed=placed))
    rows = rows_after(page, "Shards lost, and below target, if it vanished")
    assert rows[1:] == ["Operator Anna|2|66.6 %|1|2", "Country NL|1|33.3 %|1|2"]
    assert "vanished" not in page_with(collection_of(1, 2)).text


def test_seeders_outside_are_shown_beside_and_never_mixed_in() -> None:
    answers = OutsideAnswers(np.array([0, 9, -1], dtype=np.int16), np.full(3, AT - 60))
    without = page_with(collection_of(3, 0, 3))
    page = page_with(collection_of(3, 0, 3, outside_answers={OutsideSource.DHT: answers}))
    assert rows_after(page, "Seeders outside mirrord: unverified")[1:] == ["the DHT, at most|1|0|0|1|1|1"]
    assert "outside mirrord" not in without.text
    assert "Lost here: 1 shard" in page.text


def test_what_only_this_disk_has() -> None:
    shards = [make_shard(0, 1), make_shard(5, 3), make_shard(10, 1), make_shard(3, 1)]
    shards = [replace(shard, index=i) for i, shard in enumerate(shards)]
    assert "2 shards have their only replica on this disk" in page_with(make_collection(shards)).text
    assert "has a replica elsewhere, too" in page_with(collection_of(3, 1)).text
    for changes in ({"is_admitted": False, "policy": Policy.LISTED}, {"parting": True}):
        text = page_with(make_collection(shards, **changes)).text
        assert "only replica on this disk" not in text, "a copy that does not count here is not the only one"


def test_a_collection_without_its_manifest_waits() -> None:
    page = page_with(make_collection([], manifest_version=0, name=""))
    assert "Waiting for the manifest" in page.text
    assert "(no name yet)" in page.text
    assert "<svg" not in page.html.decode()


def test_who_leaves_or_does_not_count_is_told() -> None:
    leaving = page_with(collection_of(3, parting=True, leaving_by=int(AT) + 86_400))
    assert "This node leaves it, and seeds until 2027-01-16 08:00 UTC at most" in leaving.text
    assert (
        "does not count here, as the collection is listed"
        in page_with(collection_of(3, is_admitted=False, policy=Policy.LISTED)).text
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fetching_paused": "disk full"}, "Fetching is paused: disk full"),
        ({"stopping": True}, "This node is stopping."),
        ({"key_elsewhere": True}, "Another machine announces itself with this node's key"),
        ({"clock_wrong": True, "clock_offset_seconds": -600.0}, "The clock of this machine is wrong by 10 minutes"),
        ({"used_bytes": 2_000_000_000_000}, "holds more than its pledge"),
        ({"nodes_alive": 0}, "No other node is heard"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_with_the_node_stands_on_top(changes: dict[str, object], said: str) -> None:
    page = page_with(collection_of(3), node=make_node(**changes))
    assert page.text.index(said) < page.text.index("Safe: ")
    assert page.html.count(b'class="trouble"') == 1
    assert b'class="trouble"' not in page_with(collection_of(3)).html


def test_the_node_itself() -> None:
    node = make_node(
        own_addresses=(OwnAddress(Address("192.0.2.1", 7700), Finding.REACHED, 3, True),), clock_offset_seconds=-7.0
    )
    shards = [make_shard(0, 3), make_shard(1, 3, role=ShardRole.FETCHING, percent=43)]
    moved = Transfer(uploaded_bytes=81_000_000_000, downloaded_bytes=9_000, upload_bytes_per_second=1_200_000)
    page = page_of(make_statistics([make_collection(shards)], node=node), transfer=moved)
    for said in (
        "400 GB used of 1 TB pledged (40.0 %); 2.5 TB free on disk",
        "Holds 1 shard of 1 collection",
        "Uploaded 81 GB 1.2 MB/s now",
        "Other nodes 3 alive 1 away, 0 gone; 2 sessions",
        "Reached yes",
        "Clock 7 s behind its peers'",
    ):
        assert said in page.text
    assert rows_after(page, "Under way") == ["shard|does|done|size", "shard-00001|fetching|43 %|100 GB"]


def test_nobody_has_joined_anything() -> None:
    page = page_of(make_statistics([]))
    assert "No collection is joined: mirrord collection join INVITATION" in page.text
    assert "Nothing yet since the start." in page.text


def test_what_happened_comes_newest_first_and_not_without_end() -> None:
    told = [Happening(AT + second, f"thing {second}") for second in range(50)]
    page = page_of(make_statistics(), told)
    assert re.findall(r"thing \d+", page.text) == [f"thing {second}" for second in range(49, 49 - HAPPENINGS_SHOWN, -1)]
    assert "15 Jan 08:00:49 thing 49" in page.text


def test_where_there_are_many_collections_the_worst_are_shown_whole() -> None:
    many = [collection_of(3, name=f"fine-{number}", number=number) for number in range(9)]
    bad = collection_of(0, name="bad", number=20)
    poor = collection_of(1, name="poor", number=21)
    page = page_with(*many, poor, bad)
    assert page.text.count("Bands of popularity") == SHOWN_WHOLE
    assert rows_after(page, "11 collections")[1:4] == [
        "bad|✕ lost|0|1|300 GB|100 GB",
        "poor|! danger|1|1|200 GB|100 GB",
        "fine-0|✓ safe|3|0|0 B|100 GB",
    ]
    assert [text for text in page.read.within("bdi") if text in ("bad", "poor", "fine-0", "fine-1")][-3:] == [
        "bad",
        "poor",
        "fine-0",
    ]
    assert "mirrord coverage NAME shows any other" in page.text


def test_the_page_is_sound_html_that_everybody_can_find_their_way_in() -> None:
    page = page_with(*(collection_of(*range(12), name=f"c{n}", number=n) for n in range(3)))
    elements = page.read.elements
    ids = page.read.values("id")
    assert max(Counter(ids).values()) == 1
    for attribute in ("aria-labelledby", "aria-describedby"):
        assert {one for value in page.read.values(attribute) for one in value.split()} <= set(ids)
    assert sum(name == "h1" for name, _ in elements) == 1
    assert all("scope" in dict(attributes) for name, attributes in elements if name == "th")
    pictures = [dict(attributes) for name, attributes in elements if name == "svg"]
    assert all(each.get("role") == "img" or each.get("aria-hidden") == "true" for each in pictures)
    assert sum("aria-labelledby" in each for each in pictures) == 2 * 3
    assert ("html", (("lang", "en"),)) in elements
