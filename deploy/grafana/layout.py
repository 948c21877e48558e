"""What the three dashboards share: variables, links, time, and how sections follow each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.panels import DATASOURCE, AnyPanel

SCHEMA_VERSION: Final = 41
"""That of Grafana 11.6; newer ones migrate it by themselves."""

TAG: Final = "mirrord"
ALL: Final = models.VariableOption(selected=True, text=["All"], value=["$__all"])

Variable = Builder[models.VariableModel]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the panels under it, from left to right; a line of panels is 24 columns."""

    title: str
    panels: Sequence[AnyPanel]


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard: its name (``collection``: the uid is ``mirrord-collection``), what it answers, its parts."""

    name: str
    title: str
    description: str
    since: str
    variables: Sequence[Variable]
    sections: Sequence[Section]


def datasource() -> Variable:
    """Return the variable for the Prometheus that is asked."""
    return DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def job() -> Variable:
    """Return the variable for the scrape job; all of them unless somebody runs two networks.

    There is no ``allValue`` such as ".+": "All" must stay the jobs that scrape mirrord, or ``up`` would be that of
    everything else this Prometheus watches, too.
    """
    found = _query("job", "Job", "label_values(mirrord_build_info, job)")
    return found.multi(True).include_all(True).current(ALL)


def daemons(metric: str, label: str) -> Variable:
    """Return the variable for the daemons whose view is shown: all of those that have ``metric``."""
    found = _query("instance", label, f"label_values({metric}, instance)")
    return found.multi(True).include_all(True).all_value(".+").current(ALL)


def own_daemon() -> Variable:
    """Return the variable for the daemons that the Node dashboard is about: the first, unless others are chosen."""
    found = _query("instance", "Node", 'label_values(mirrord_build_info{job=~"$job"}, instance)')
    return found.multi(True).include_all(False)


def collection() -> Variable:
    """Return the variable for the collection: shown by its name, known by its short id.

    ``query_result`` lists series as text, from which the expression with its named groups takes both parts.
    """
    series = 'query_result(max by (collection, name) (mirrord_collection_info{job=~"$job"}))'
    found = _query("collection", "Collection", series)
    return found.regex('/collection="(?<value>[^"]+)|name="(?<text>[^"]+)/g').multi(False).include_all(False)


def replica_kind() -> Variable:
    """Return the variable for the kind of replicas that is counted."""
    chosen = models.VariableOption(selected=True, text="claimed", value="claimed")
    return CustomVariable("kind").label("Copies").values("claimed,verified").current(chosen)


def _query(name: str, label: str, query: str) -> QueryVariable:
    found = QueryVariable(name).label(label).datasource(DATASOURCE)
    # As Grafana's own editor saves it: the kind of the query by number, and a name that it knows it by.
    kind = 3 if query.startswith("query_result") else 1
    found.query({"qryType": kind, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
    return found.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def assemble(page: Page) -> models.Dashboard:
    """Return the dashboard of a page, its panels numbered in their order."""
    board = (
        Dashboard(page.title)
        .uid(f"mirrord-{page.name}")
        .description(page.description)
        .tags([TAG])
        .time(page.since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    # The chosen values stay behind: "All" daemons of one page mean nothing to a page about one node.
    board.link(
        DashboardLink("mirrord")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .keep_time(True)
        .include_vars(False)
    )
    for variable in page.variables:
        board.with_variable(variable)
    for section in page.sections:
        board.with_row(Row(section.title))
        for panel in section.panels:
            board.with_panel(panel)
    whole = board.build()
    whole.schema_version = SCHEMA_VERSION
    for number, part in enumerate(whole.panels or (), start=1):
        part.id_val = number
    for chosen in (whole.templating.list_val or ()) if whole.templating else ():
        # The builder gives every variable what only those of intervals have; Grafana's types have no place for it.
        chosen.auto = chosen.auto_min = chosen.auto_count = None
    return whole
