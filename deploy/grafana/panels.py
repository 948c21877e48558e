"""The kinds of panels that the dashboards are made of, all dressed alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as DataqueryModel
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    FieldColorModeId,
    Panel,
    ValueMapping,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana import marks

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA: Final = "no data"
NO_AUDITS_YET: Final = "no data, or no audits yet"

AnyPanel = Builder[Panel]
Kind = TypeVar("Kind", stat.Panel, timeseries.Panel, table.Panel, statetimeline.Panel, bargauge.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called (``{{label}}``; a table has no use for it)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel has: what it says, its unit, and its size (columns of 24, rows).

    ``description`` says what is seen and what to do; ``no_value`` what it means that nothing is.
    """

    title: str
    description: str
    unit: str
    size: tuple[int, int]
    no_value: str = NO_DATA


def dressed(panel: Kind, frame: Frame, thresholds: ThresholdsConfig) -> Kind:
    """Return ``panel`` with what ``frame`` says."""
    return (
        panel.title(frame.title)
        .description(frame.description)
        .datasource(DATASOURCE)
        .unit(frame.unit)
        .span(frame.size[0])
        .height(frame.size[1])
        .no_value(frame.no_value)
        .thresholds(thresholds)
    )


def asked(queries: Sequence[Query], *, instant: bool, tabular: bool = False) -> list[Builder[DataqueryModel]]:
    """Return the targets of a panel: only the present values, or all over time; as labelled series or as rows."""
    targets: list[Builder[DataqueryModel]] = []
    for index, query in enumerate(queries):
        target = Dataquery().expr(query.expr).ref_id(chr(ord("A") + index)).datasource(DATASOURCE)
        target = target.instant() if instant else target.range()
        target = target.format(PromQueryFormat.TABLE if tabular else PromQueryFormat.TIME_SERIES)
        targets.append(target if tabular else target.legend_format(query.legend or "__auto"))
    return targets


def number(
    frame: Frame,
    *queries: Query,
    thresholds: ThresholdsConfig | None = None,
    mappings: Sequence[ValueMapping] = (),
    decimals: int | None = None,
    filled: bool = False,
) -> AnyPanel:
    """Return a panel of the present values, large; ``filled`` paints all of it in the colour of its threshold."""
    panel = dressed(stat.Panel(), frame, thresholds or marks.neutral())
    panel.targets(asked(queries, instant=True))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel.color_mode(looks.BigValueColorMode.BACKGROUND if filled else looks.BigValueColorMode.VALUE)
    panel.graph_mode(looks.BigValueGraphMode.NONE).mappings(list(mappings))
    return panel if decimals is None else panel.decimals(decimals)


def bars(
    frame: Frame, *queries: Query, thresholds: ThresholdsConfig | None = None, largest: float | None = None
) -> AnyPanel:
    """Return a panel of the present values as bars side by side, beginning at 0."""
    panel = dressed(bargauge.Panel(), frame, thresholds or marks.neutral())
    panel.targets(asked(queries, instant=True)).min(0)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel.display_mode(looks.BarGaugeDisplayMode.BASIC).orientation(looks.VizOrientation.HORIZONTAL)
    return panel if largest is None else panel.max(largest)


def lines(
    frame: Frame,
    *queries: Query,
    thresholds: ThresholdsConfig | None = None,
    stacked: bool = False,
    below_zero: bool = False,
    largest: float | None = None,
    decimals: int | None = None,
) -> AnyPanel:
    """Return a panel of values over time; ``thresholds`` are drawn as lines, ``largest`` is where the axis ends."""
    panel = dressed(timeseries.Panel(), frame, thresholds or marks.neutral())
    panel.targets(asked(queries, instant=False))
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    style = looks.GraphThresholdsStyleMode.DASHED if thresholds else looks.GraphThresholdsStyleMode.OFF
    panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    panel.legend(
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "min", "max"])
    )
    order = looks.SortOrder.DESCENDING
    panel.tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(order))
    # Counts change in steps: a slope between two readings would show values that never were.
    panel.line_interpolation(looks.LineInterpolation.STEP_AFTER).fill_opacity(60 if stacked else 0)
    if stacked:
        panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if not below_zero:
        panel.min(0)
    if largest is not None:
        panel.max(largest)
    return panel if decimals is None else panel.decimals(decimals)


def states(
    frame: Frame, *queries: Query, thresholds: ThresholdsConfig, mappings: Sequence[ValueMapping] = ()
) -> AnyPanel:
    """Return a panel with a strip for each series: time from left to right, its colour the value at that time."""
    panel = dressed(statetimeline.Panel(), frame, thresholds)
    panel.targets(asked(queries, instant=False)).mappings(list(mappings))
    panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.merge_values(True).show_value(looks.VisibilityMode.AUTO).row_height(0.9).fill_opacity(80).line_width(0)
    panel.legend(common.VizLegendOptions().show_legend(False).display_mode(looks.LegendDisplayMode.HIDDEN))
    return panel
