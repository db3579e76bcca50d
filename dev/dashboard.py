"""Print the Grafana dashboard as JSON, from the rows of modelward.render.dashboard."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, statetimeline, statushistory, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from modelward.render.dashboard.panel import Annotation, Kind, Panel, Source, Target
from modelward.render.dashboard.rows import ANNOTATIONS, ROWS

UID: Final = "modelward"
_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT: Final = 8
_INFO: Final = "modelward_deployment_info"
_REQUESTS: Final = "modelward_requests_total"

PanelBuilder = timeseries.Panel | statetimeline.Panel | statushistory.Panel | table.Panel


def dashboard() -> str:
    """Return the dashboard in Grafana's classic JSON."""
    built = (
        builders.Dashboard("modelward")
        .uid(UID)
        .tags(["modelward"])
        .time("now-1h", "now")
        .refresh("30s")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
    )
    for variable in _variables():
        built = built.with_variable(variable)
    for annotation in ANNOTATIONS:
        built = built.annotation(_annotation(annotation))
    for row in ROWS:
        built = built.with_row(builders.Row(row.title))
        for panel in row.panels:
            built = built.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _variables() -> list[builders.DatasourceVariable | builders.QueryVariable]:
    of_deployment = '{namespace="$namespace", deployment="$deployment"}'
    return [
        builders.DatasourceVariable("datasource").type("prometheus").label("Prometheus"),
        _query_variable("namespace", f"label_values({_INFO}, namespace)"),
        _query_variable("deployment", f'label_values({_INFO}{{namespace="$namespace"}}, deployment)'),
        _query_variable("revision", f"label_values({_REQUESTS}{of_deployment}, revision)")
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+"),
    ]


def _query_variable(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _annotation(annotation: Annotation) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(annotation.name)
        .datasource(_SOURCE)
        .expr(annotation.query)
        .icon_color(annotation.color)
        .enable(enable=True)
    )


def _panel(panel: Panel) -> PanelBuilder:
    built: PanelBuilder = _BUILDERS[panel.kind]()
    text = panel.description
    if panel.source is not Source.MODELWARD:
        text += f" Needs the series of {panel.source}: without them it is empty, which says nothing."
    built = built.title(panel.title).description(text).datasource(_SOURCE).unit(panel.unit.value)
    built = built.height(_HEIGHT).span(panel.width)
    for number, target in enumerate(panel.targets):
        name = chr(ord("A") + number)
        built = built.with_target(_query(panel, target).ref_id(name))
        if target.unit is not None:
            properties = [
                models.DynamicConfigValue(id_val="unit", value=target.unit.value),
                models.DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
            ]
            built = built.override_by_query(name, properties)
    return built


def _query(panel: Panel, target: Target) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(target.query).legend_format(target.legend)
    if panel.kind in {Kind.TABLE, Kind.CONFUSION}:
        return query.instant().format(PromQueryFormat.TABLE)
    return query.range().exemplar(target.has_exemplars)


def _lines() -> timeseries.Panel:
    legend = (
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .show_legend(show_legend=True)
    )
    return timeseries.Panel().legend(legend.placement(common.LegendPlacement.BOTTOM)).fill_opacity(10)


def _states() -> statetimeline.Panel:
    return statetimeline.Panel().thresholds(_steps(("transparent", None), ("green", 1.0)))


def _heat() -> statushistory.Panel:
    return statushistory.Panel().thresholds(
        _steps(("green", None), ("yellow", 0.5), ("orange", 1.0), ("red", 3.0))
    )


_BUILDERS: Final[Mapping[Kind, Callable[[], PanelBuilder]]] = {
    Kind.LINES: _lines,
    Kind.STATES: _states,
    Kind.HEAT: _heat,
    Kind.TABLE: table.Panel,
    Kind.CONFUSION: table.Panel,
}


def _steps(*steps: tuple[str, float | None]) -> builders.ThresholdsConfig:
    thresholds = [models.Threshold(color=color, value=value) for color, value in steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(thresholds)


if __name__ == "__main__":
    sys.stdout.write(dashboard())
