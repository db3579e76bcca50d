"""A trace as Jaeger's API answers it, read and shown."""

from rich.console import Console

from dev.demo.traces import Span, spans, table, traced

TRACE = {
    "traceID": "7bb2600",
    "processes": {"p1": {"serviceName": "electricity"}, "p2": {"serviceName": "mlserver"}},
    "spans": [
        {
            "spanID": "b",
            "operationName": "predict",
            "references": [{"spanID": "a"}],
            "startTime": 1_000_400,
            "duration": 600_000,
            "processID": "p2",
        },
        {
            "spanID": "a",
            "operationName": "POST",
            "references": [{"spanID": "the caller's, which is not here"}],
            "startTime": 1_000_000,
            "duration": 650_000,
            "processID": "p1",
        },
    ],
}


def test_spans_are_in_order_and_as_deep_as_their_parents() -> None:
    """Times are of the trace's beginning; a parent that was not sent counts as none."""
    assert spans(TRACE) == [
        Span("electricity", "POST", 0, 0.0, 650.0),
        Span("mlserver", "predict", 1, 0.4, 600.0),
    ]


def test_a_line_for_each_span() -> None:
    """The name is indented by depth, and the bar as long as the span."""
    console = Console(width=120, record=True)
    console.print(table(spans(TRACE)))
    _, first, second = console.export_text().splitlines()
    assert first.startswith(" POST ")
    assert second.startswith("   predict ")
    assert (first.count("█"), second.count("█")) == (50, 46)


def test_pods_send_their_traces_to_jaeger() -> None:
    """The server's own spans too; the manifest that was given is left as it was."""
    container = {"name": "model", "env": []}
    manifest = {"kind": "X", "spec": {"server": {"template": {"spec": {"containers": [container]}}}}}
    changed = traced(manifest)
    assert changed["spec"]["telemetry"]["otlp"]["endpoint"] == "http://jaeger.tracing:4317"
    (with_tracing,) = changed["spec"]["server"]["template"]["spec"]["containers"]
    assert [each["name"] for each in with_tracing["env"]] == ["MLSERVER_TRACING_SERVER"]
    assert container["env"] == []
