"""The committed dashboards are what the program writes, and what a good dashboard is: Grafana's linter in our words."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mirrord.core.placement.bands import Band
from tests.dashboards import FOLDER, dashboards, panels, queries, variables
from tests.promql import keeps, parse

ROOT = Path(__file__).resolve().parents[2]
BOARDS = dashboards()
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in panels(board)]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Units that Grafana knows, and that are right for what we measure: bytes in powers of ten, as pledges are.
UNITS = {"none", "short", "percentunit", "decbytes", "Bps", "s", "ops", "reqps"}
GRID_COLUMNS = 24


def name_of(value: object) -> str:
    return re.sub(r"\W+", "-", value["title"] if isinstance(value, dict) else str(value)).strip("-")


every_board = pytest.mark.parametrize("name", BOARDS)
every_panel = pytest.mark.parametrize(("name", "panel"), PANELS, ids=name_of)


def test_there_are_three() -> None:
    assert list(BOARDS) == ["collection", "network", "node"]


def test_the_program_writes_what_is_committed() -> None:
    """In a process of its own, with other hashes of strings: nothing may depend on the order of a set."""
    write = (
        "import json, sys; from deploy.grafana.generate import dashboards; json.dump(dict(dashboards()), sys.stdout)"
    )
    command = [sys.executable, "-c", write]
    for seed in ("1", "2"):
        environment = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": seed}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True)
        written = json.loads(done.stdout)
        assert sorted(written) == sorted(path.name for path in FOLDER.iterdir())
        assert not [name for name, text in written.items() if (FOLDER / name).read_bytes() != text.encode()], (
            "make dashboards"
        )


@every_board
def test_a_dashboard_has_a_name_and_an_address_that_stay(name: str) -> None:
    board = BOARDS[name]
    assert board["uid"] == f"mirrord-{name}"
    assert board["title"] == f"mirrord / {name.capitalize()}"
    assert board["description"].endswith("?")
    assert "mirrord" in board["tags"]
    assert "id" not in board, "Grafana gives it"


@every_board
def test_a_dashboard_is_not_edited_by_hand(name: str) -> None:
    assert BOARDS[name]["editable"] is False


@every_board
def test_a_dashboard_refreshes_and_leads_to_the_others(name: str) -> None:
    board = BOARDS[name]
    assert board["refresh"] == "30s"
    assert board["time"] == {"from": "now-7d" if name == "collection" else "now-24h", "to": "now"}
    assert [(link["type"], link["tags"]) for link in board["links"]] == [("dashboards", ["mirrord"])]


@every_board
def test_a_dashboard_can_be_shown_for_any_prometheus_job_and_daemon(name: str) -> None:
    found = {variable.name: variable for variable in variables() if variable.dashboard == name}
    assert list(found)[:2] == ["datasource", "job"]
    assert (found["datasource"].type, found["datasource"].query) == ("datasource", "prometheus")
    assert found["job"].multi
    assert found["instance"].multi
    assert found["job"].query == "label_values(mirrord_build_info, job)"
    # Departures from the linter: "All" jobs are those that scrape mirrord, or `up` would count other machines, too;
    # and a page about one disk has no "All" daemons to begin with.
    assert found["job"].all_value == ""
    assert found["instance"].all_value == ("" if name == "node" else ".+")


def test_the_collection_is_chosen_by_name_and_known_by_id() -> None:
    (variable,) = [each for each in variables() if each.name == "collection"]
    pattern, flags = variable.regex.removeprefix("/").rsplit("/", 1)
    series = '{collection="3f9a0b1c2d4e", name="Open speech"} 1 1700000000000'
    found = [match.groupdict() for match in re.finditer(pattern.replace("(?<", "(?P<"), series)]
    assert flags == "g", "both parts come from one series"
    assert found == [{"value": "3f9a0b1c2d4e", "text": None}, {"value": None, "text": "Open speech"}]


def test_the_kinds_of_copies_are_those_that_can_cover_a_collection() -> None:
    (variable,) = [each for each in variables() if each.name == "kind"]
    assert variable.query == "claimed,verified"
    (chosen,) = [
        each["current"]["value"] for each in BOARDS["collection"]["templating"]["list"] if each["name"] == "kind"
    ]
    assert chosen == "claimed"


@every_panel
def test_a_panel_explains_itself(name: str, panel: dict[str, Any]) -> None:
    assert 3 <= len(panel["title"]) <= 60
    assert len(panel["description"]) > len(panel["title"])
    assert panel["description"].endswith((".", "?"))
    assert panel["fieldConfig"]["defaults"]["noValue"]


@every_board
def test_no_two_panels_have_the_same_name(name: str) -> None:
    titles = [panel["title"] for panel in panels(BOARDS[name])]
    assert len(set(titles)) == len(titles)


@every_panel
def test_a_panel_asks_the_chosen_prometheus(name: str, panel: dict[str, Any]) -> None:
    assert panel["datasource"] == SOURCE
    assert panel["targets"]
    assert [target["datasource"] for target in panel["targets"]] == [SOURCE] * len(panel["targets"])
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFG"[: len(panel["targets"])])


@every_panel
def test_a_panel_has_a_unit_and_thresholds(name: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["thresholds"]["steps"][0]["value"] is None
    levels = [step["value"] for step in defaults["thresholds"]["steps"][1:]]
    assert levels == sorted(levels)


@every_panel
def test_only_what_shows_time_asks_for_it(name: str, panel: dict[str, Any]) -> None:
    over_time = panel["type"] in ("timeseries", "state-timeline")
    assert panel["type"] in ("timeseries", "state-timeline", "stat", "bargauge", "table")
    assert {target["range"] for target in panel["targets"]} == {over_time}
    assert {target["instant"] for target in panel["targets"]} == {not over_time}
    formats = {target["format"] for target in panel["targets"]}
    assert formats == {"table" if panel["type"] == "table" else "time_series"}


@every_panel
def test_a_legend_names_labels_that_the_result_has(name: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
            assert keeps(label, parse(target["expr"])), (label, target["expr"])


@every_board
def test_panels_fill_the_grid_and_never_overlap(name: str) -> None:
    board = BOARDS[name]
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < GRID_COLUMNS, panel["title"]
        taken |= cells
    bottom = max(y for _, y in taken) + 1
    assert len(taken) == GRID_COLUMNS * bottom, "there are holes in the page"


def test_every_table_shows_fields_that_its_queries_have() -> None:
    for name, panel in PANELS:
        steps = {step["id"]: step["options"] for step in panel.get("transformations", ())}
        if "organize" not in steps or "groupingToMatrix" in steps:
            continue
        asked = [parse(target["expr"]) for target in panel["targets"]]
        values = ["Value"] if len(asked) == 1 else [f"Value #{target['refId']}" for target in panel["targets"]]
        for field in steps["organize"]["indexByName"]:
            assert field in values or any(keeps(field, expr) for expr in asked), (name, panel["title"], field)


def test_the_heat_map_makes_columns_of_ranks_and_rows_of_replicas() -> None:
    (heat_map,) = [panel for _, panel in PANELS if panel["title"] == "Shards by popularity and copies"]
    steps = [(step["id"], step["options"]) for step in heat_map["transformations"]]
    corner = "replicas\\rank"
    assert steps == [
        ("sortBy", {"sort": [{"field": "rank"}]}),
        (
            "groupingToMatrix",
            {"columnField": "rank", "rowField": "replicas", "valueField": "Value", "emptyValue": "null"},
        ),
        ("sortBy", {"sort": [{"field": corner, "desc": True}]}),
    ]
    cell = heat_map["fieldConfig"]["defaults"]["custom"]["cellOptions"]
    assert cell == {"type": "color-background", "mode": "basic"}
    assert heat_map["fieldConfig"]["defaults"]["color"] == {"mode": "continuous-blues"}
    (label,) = heat_map["fieldConfig"]["overrides"]
    assert label["matcher"] == {"id": "byName", "options": corner}


def test_the_bands_stand_in_the_order_of_their_popularity() -> None:
    (matrix,) = [panel for _, panel in PANELS if panel["title"] == "Shards by band and copies"]
    columns = matrix["transformations"][-1]["options"]["indexByName"]
    assert sorted(columns, key=columns.__getitem__) == ["replicas\\band", *(band.value for band in Band)]


def test_ten_seconds_are_enough_for_the_first_row() -> None:
    """The first row answers whether it is safe, what is in danger, whether it gets better, when it will be whole."""
    shown = [panel["title"] for panel in panels(BOARDS["collection"]) if panel["gridPos"]["y"] < 10]
    assert shown[:2] == ["Verdict", "Fewest copies"]
    assert {"Shards below target", "Better or worse", "Whole in", "Missing copies", "Audits"} <= set(shown)


def test_every_query_is_listed() -> None:
    assert len(queries()) == sum(len(panel["targets"]) for _, panel in PANELS) > 100
