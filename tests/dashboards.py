"""What the committed dashboards ask of Prometheus, as they lie in ``deploy/grafana/dashboards``."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "deploy" / "grafana" / "dashboards"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of a panel, its variables (``$collection``, ``$__rate_interval``) still in it.

    ``instant`` asks for the present values alone (``/api/v1/query``), else for all over time (``query_range``).
    """

    dashboard: str
    panel: str
    kind: str
    expr: str
    instant: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """What is chosen at the top of a dashboard.

    ``type`` is datasource, query or custom; ``query`` is Grafana's own (``label_values(SERIES, LABEL)``,
    ``query_result(EXPRESSION)``), or the values with commas between them; ``regex`` takes text and value from a result.
    """

    dashboard: str
    name: str
    type: str
    query: str
    regex: str
    multi: bool
    all_value: str


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every committed dashboard by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard that show something; rows are headings."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from (inner for inner in panel.get("panels", ()))


def queries() -> list[Query]:
    """Return every query of every panel of every dashboard."""
    return [
        Query(name, panel["title"], panel["type"], target["expr"], bool(target.get("instant")))
        for name, board in dashboards().items()
        for panel in panels(board)
        for target in panel["targets"]
    ]


def variables() -> list[Variable]:
    """Return every variable of every dashboard."""
    return [
        Variable(
            dashboard=name,
            name=variable["name"],
            type=variable["type"],
            query=query["query"] if isinstance(query := variable["query"], dict) else query,
            regex=variable.get("regex", ""),
            multi=bool(variable.get("multi")),
            all_value=variable.get("allValue", ""),
        )
        for name, board in dashboards().items()
        for variable in board["templating"]["list"]
    ]
