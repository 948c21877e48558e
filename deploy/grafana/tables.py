"""Panels that are tables: rows of figures, and the heat map of shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders.dashboard import (
    DashboardFieldConfigSourceOverrides,
    FieldColor,
    ThresholdsConfig,
)
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    MatcherConfig,
)

from deploy.grafana import marks
from deploy.grafana.panels import AnyPanel, Frame, Query, asked, dressed

ROW_NAMES: Final = marks.words(
    {0: ("0: lost", marks.DARK_RED), 1: ("1", marks.RED), 2: ("2", marks.YELLOW), 3: ("3", marks.GREEN)}
)
NOTHING: Final = marks.words({0: ("\N{MIDDLE DOT}", "transparent")})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the field that Prometheus gives it, how it is headed, its unit and its thresholds.

    The field is a label, ``Value`` where one query is asked, ``Value #A``, ``Value #B``... where several are.
    """

    field: str
    heading: str
    unit: str = ""
    thresholds: ThresholdsConfig | None = None


def rows(frame: Frame, *queries: Query, columns: Sequence[Column], sort: str, descending: bool = False) -> AnyPanel:
    """Return a table of the present values: its queries side by side, where their labels agree in one row.

    ``sort`` is a heading.  What is not in ``columns`` is left out.
    """
    panel = dressed(table.Panel(), frame, marks.neutral())
    panel.targets(asked(queries, instant=True, tabular=True))
    order = {column.field: index for index, column in enumerate(columns)}
    headings = {column.field: column.heading for column in columns}
    arranged = {"excludeByName": {}, "indexByName": order, "renameByName": headings}
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(order)}})
    )
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=arranged))
    panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    return panel.overrides([_override(column.heading, _properties(column)) for column in columns])


def _properties(column: Column) -> list[DynamicConfigValue]:
    properties = []
    if column.unit:
        properties.append(DynamicConfigValue(id_val="unit", value=column.unit))
    if column.thresholds is not None:
        properties.append(DynamicConfigValue(id_val="thresholds", value=column.thresholds.build()))
        properties.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
    return properties


def _override(name: str, properties: list[DynamicConfigValue]) -> DashboardFieldConfigSourceOverrides:
    matcher = MatcherConfig(id_val="byName", options=name)
    return DashboardFieldConfigSourceOverrides().matcher(matcher).properties(properties)


def replica_matrix(frame: Frame, query: Query, *, across: str, heading: str, order: Sequence[str] = ()) -> AnyPanel:
    """Return a heat map of shards: a column for each value of the label ``across``, a row for each replica count.

    Grafana's own heat map has time on its horizontal axis and cannot show one moment by rank.  So this is a table:
    ``groupingToMatrix`` turns the series (one for each pair of labels) into columns and rows, and every cell is
    coloured by its number of shards.  Prometheus gives an instant vector in no order, hence the sorting before (which
    settles the order of the columns, unless ``order`` does) and after (of the rows, most copies on top, as on an axis).
    """
    corner = f"replicas\\{across}"
    panel = dressed(table.Panel(), frame, marks.neutral())
    panel.targets(asked([query], instant=True, tabular=True))
    for identity, options in (
        ("sortBy", {"sort": [{"field": across}]}),
        (
            "groupingToMatrix",
            {"columnField": across, "rowField": "replicas", "valueField": "Value", "emptyValue": "null"},
        ),
        ("sortBy", {"sort": [{"field": corner, "desc": True}]}),
    ):
        panel.with_transformation(DataTransformerConfig(id_val=identity, options=options))
    if order:
        arranged = {
            "excludeByName": {},
            "indexByName": {name: index for index, name in enumerate((corner, *order))},
            "renameByName": {},
        }
        panel.with_transformation(DataTransformerConfig(id_val="organize", options=arranged))
    panel.color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BLUES)).min(0)
    panel.cell_options(
        looks.TableColoredBackgroundCellOptions(mode=looks.TableCellBackgroundDisplayMode.BASIC)
    ).mappings(NOTHING).align(looks.FieldTextAlignment.CENTER).min_width(36)
    first = [
        DynamicConfigValue(id_val="displayName", value=heading),
        DynamicConfigValue(id_val="mappings", value=ROW_NAMES),
        DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": marks.GREY}),
        DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        DynamicConfigValue(id_val="custom.width", value=110),
    ]
    return panel.overrides([_override(corner, first)])
