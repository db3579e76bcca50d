"""Names that more than one part relies on: labels, annotations, ports, paths, headers and metrics.

Whatever is written in one pod and read in another is spelled here and nowhere else. The module
imports nothing, so that every image can have it.
"""

from typing import Final

GROUP: Final = "modelward.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"
FIELD_MANAGER: Final = "modelward"
"""Server-side apply field manager of everything the operator writes."""

# Labels. The first two are the pod selectors: the Service of a deployment selects both at rest and
# only the first during a split (docs/architecture.md, "Traffic").
LABEL_DEPLOYMENT: Final = "modelward.dev/deployment"
LABEL_REVISION: Final = "modelward.dev/revision"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_VERSION: Final = "app.kubernetes.io/version"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "modelward"

# Annotations a person may set on a ModelDeployment; each is answered in status.
ANNOTATION_RETRY: Final = "modelward.dev/retry"
ANNOTATION_ABORT: Final = "modelward.dev/abort"
ANNOTATION_UNDO: Final = "modelward.dev/undo"
# Annotations the operator writes.
ANNOTATION_RENDERED: Final = "modelward.dev/rendered-hash"
"""On every child: hash of what was rendered, so that an unchanged child sends no request."""
ANNOTATION_TRAFFIC_GENERATION: Final = "modelward.dev/traffic-generation"
"""On pods: touched so that the kubelet re-syncs the monitor's ConfigMap at once."""
ANNOTATION_MODEL_DIGEST: Final = "modelward.dev/model-digest"
"""On a ControllerRevision: digest that the first fetch of this revision reported."""

# Containers injected into each serving pod, in start order, and the team's own.
CONTAINER_COLLECTOR: Final = "otel-collector"
CONTAINER_FETCH: Final = "fetch"
CONTAINER_MONITOR: Final = "monitor"

# Ports of the monitor container, by number and by name.
PORT_SERVING: Final = 9080
"""Clients' requests and POST /v1/feedback."""
PORT_SYNTHETIC: Final = 9081
"""Gates', probes' and mirrored traffic: never evidence, no receipts."""
PORT_METRICS: Final = 9082
"""/metrics, /metrics/objectives, /healthz, /readyz."""
PORT_ADMIN: Final = 9083
"""PUT /traffic, with the deployment's bearer token."""
PORT_NAME_SERVING: Final = "mw-serving"
PORT_NAME_SYNTHETIC: Final = "mw-synthetic"
PORT_NAME_METRICS: Final = "mw-metrics"
PORT_NAME_ADMIN: Final = "mw-admin"
SERVICE_PORT: Final = 80
PORT_OTLP_GRPC: Final = 4317
PORT_OTLP_HTTP: Final = 4318
PORT_COLLECTOR_HEALTH: Final = 13133
PORT_COLLECTOR_METRICS: Final = 8888
"""The collector's own metrics: what it took, sent, refused and dropped."""
PORT_COLLECTOR_SPAN_METRICS: Final = 8889
"""Metrics that it makes of spans."""
PORT_NAME_COLLECTOR_METRICS: Final = "mw-otel"
PORT_NAME_COLLECTOR_SPAN_METRICS: Final = "mw-spans"

# Paths inside the pod.
PATH_MODEL: Final = "/mnt/models"
PATH_MONITOR_CONFIG: Final = "/etc/modelward/monitor"
FILE_MONITOR_CONFIG: Final = "monitor.json"
FILE_MODEL_DIGEST: Final = "model-digest"
PATH_KEYS: Final = "/etc/modelward/keys"
FILE_RECEIPT_KEY: Final = "receipt-key"
FILE_ADMIN_TOKEN: Final = "admin-token"  # noqa: S105 - the name of a file
PATH_COLLECTOR_CONFIG: Final = "/etc/modelward/collector"
FILE_COLLECTOR_CONFIG: Final = "collector.yaml"

# HTTP.
HEADER_RECEIPT: Final = "modelward-receipt"
PATH_FEEDBACK: Final = "/v1/feedback"
PATH_OBJECTIVES: Final = "/metrics/objectives"

# Metrics of the monitor. /metrics/objectives has the first two and process_start_time_seconds.
METRIC_EVENTS: Final = "modelward_objective_events_total"
"""Labels: deployment, revision, objective, config, result (good|bad), storage (fast|slow|unknown)."""
METRIC_REQUESTS: Final = "modelward_requests_total"
"""Requests that this revision's own server was given. Labels: deployment, revision."""
METRIC_PROCESS_START: Final = "process_start_time_seconds"
METRIC_DURATION: Final = "modelward_request_duration_seconds"
METRIC_FEEDBACK: Final = "modelward_feedback_total"
METRIC_STORAGE_READ: Final = "modelward_storage_read_duration_seconds"
"""Reads of the store. Labels: deployment, revision, source (probe|server|span)."""
STORAGE_SOURCE_PROBE: Final = "probe"
"""Reads of the monitor's own."""
STORAGE_SOURCE_SERVER: Final = "server"
"""Reads that the model server has named in the header Server-Timing of its answers."""
STORAGE_SOURCE_SPAN: Final = "span"
"""Reads that it has named in its spans, counted by the collector."""
METRIC_STORAGE_FAILURES: Final = "modelward_storage_read_failures_total"
"""Labels: deployment, revision, reason (timeout|unreachable|refused|probe)."""
STORAGE_FAST: Final = "fast"
STORAGE_SLOW: Final = "slow"
STORAGE_UNKNOWN: Final = "unknown"
METRIC_FORWARDED: Final = "modelward_forwarded_requests_total"
"""Requests that a withdrawn revision sent on to the stable one. Labels: deployment, revision."""

# Metrics of the operator.
METRIC_EVIDENCE_STATE: Final = "modelward_evidence_state"
"""Detector state, read back at a restart (docs/architecture.md, "Restart")."""
METRIC_LABEL_UID: Final = "uid"
"""On detector state: metadata.uid of the ModelDeployment whose it is; one made anew begins without any."""
METRIC_DRIFT: Final = "modelward_drift"
"""A drift detector's value as it was last read. Labels: namespace, deployment, detector."""

LATENCY_BUCKETS_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Upper bounds of every histogram of durations, in seconds; one more bucket holds the rest."""

BLOCK_SECONDS: Final = 5
"""Length of one block of evidence: one scrape interval of /metrics/objectives."""

# Labels of alerts, by which a notification or ALERTS names a deployment and a revision (beside `namespace`).
ALERT_LABEL_DEPLOYMENT: Final = "modelward_deployment"
ALERT_LABEL_REVISION: Final = "modelward_revision"

# The operator's own ports, by number and by name.
PORT_OPERATOR_HTTP: Final = 8080
"""/healthz, /readyz, /metrics."""
PORT_OPERATOR_ALERTS: Final = 8090
"""Alertmanager's webhook, with a bearer token."""
PORT_NAME_OPERATOR_HTTP: Final = "http"
PORT_NAME_OPERATOR_ALERTS: Final = "alerts"
PATH_ALERTS: Final = "/alerts/v2"

# Incidents: a breach that no rollback answers. The operator's metric, and the alerts made from it.
METRIC_INCIDENT: Final = "modelward_deployment_incident"
"""1 while there is one. Labels: namespace, deployment, cause, reason."""
ALERT_INFRASTRUCTURE: Final = "ModelwardInfrastructureSuspected"
ALERT_BUDGET_EXHAUSTED: Final = "ModelwardRollbackBudgetExhausted"
ALERT_BREACHED: Final = "ModelwardQualityBreachedNoRollback"
ALERT_PREFIX: Final = "Modelward"
"""Begins the name of every alert of ours. None of them triggers a rollback, whatever its labels: the operator
has evidence of its own, and some of them say that going back would not help."""

# Drift: counts of inputs and predictions by the bins of a profile, and what is recorded of them.
METRIC_BINS: Final = "modelward_feature_bin_total"
"""Values of sampled requests by bin.

Labels: deployment, revision, profile (its hash), role, feature, bin (00, 01, ...|other|missing)."""
METRIC_REFERENCE_BINS: Final = "modelward_feature_reference"
"""The profile's own counts, with the same labels."""
METRIC_UNBINNED: Final = "modelward_feature_unbinned_total"
"""Labels: deployment, revision, profile, reason (no_feature|rows_cut)."""
METRIC_VALUE_EVENTS: Final = "modelward_value_events_total"
"""Values of sampled requests that are, or are not, the events of a detector (spec.drift.detectors).

Labels: deployment, revision, profile, detector, config (hash of the definition), result (event|other)."""
VALUE_EVENT: Final = "event"
VALUE_OTHER: Final = "other"
# Recorded by the PrometheusRule, by namespace, deployment, profile, role and feature, each with the label
# `revision` and once more without it, for the whole deployment.
RECORD_BIN_VALUES: Final = "modelward:feature_bin:values"
"""Values in the window, by bin too."""
RECORD_BIN_SHARE: Final = "modelward:feature_bin:share"
"""Share of the window's values in a bin, with half a value added to each bin."""
RECORD_BIN_RATIO: Final = "modelward:feature_bin:share_ratio"
"""That share over the profile's."""
RECORD_PSI: Final = "modelward:feature:psi"
RECORD_PSI_LIMIT: Final = "modelward:feature:psi_limit"
"""Above this the feature has drifted; absent where there are too few values to say."""
RECORD_JENSEN_SHANNON: Final = "modelward:feature:jensen_shannon"
RECORD_CHI_SQUARED: Final = "modelward:feature:chi_squared"
ROLE_INPUT: Final = "input"
ROLE_PREDICTION: Final = "prediction"

# Labels of predictions, beside the feedback counter.
METRIC_CONFUSION: Final = "modelward_label_confusion_total"
"""Labelled predictions. Labels: deployment, revision, objective, predicted, actual (bounded classes)."""
METRIC_LABEL_DELAY: Final = "modelward_label_delay_seconds"
"""Time from prediction to label. Labels: deployment, revision."""
METRIC_LABELLED: Final = "modelward_labelled_receipts_total"
"""Receipts that labels came back for, by the revision that issued them. Labels: deployment, revision."""
METRIC_RECEIPTS: Final = "modelward_receipts_total"
"""Receipts issued. Labels: deployment, revision. The quotient of the two is the share that is labelled."""

# Spans (docs/telemetry.md).
ATTRIBUTE_KEPT: Final = "modelward.kept"
"""On spans that are kept whatever the rest of their trace is: why (sampled, slow, failed, or fetched)."""
ATTRIBUTE_STORAGE_LATENCY_MS: Final = "storage_latency_ms"
"""On a span of the model server's, or of the fetch: how long it waited for storage, in milliseconds."""

# More of the monitor's metrics.
METRIC_FIRST_TOKEN: Final = "modelward_first_token_duration_seconds"  # noqa: S105 - a token of text
"""Time to the first event with content of streamed answers. Labels: deployment, revision, status."""
METRIC_TIME_PER_OUTPUT_TOKEN: Final = "modelward_time_per_output_token_seconds"  # noqa: S105 - of text
"""Mean time between a streamed answer's tokens after the first. Labels: deployment, revision, status."""
METRIC_OUTPUT_TOKENS: Final = "modelward_output_tokens_total"
"""Tokens of streamed answers. Labels: deployment, revision."""
METRIC_STREAM_EVENTS: Final = "modelward_stream_events_total"
"""Events of streamed answers. Labels: deployment, revision."""
METRIC_PREDICTIONS: Final = "modelward_predictions_total"
"""Rows of the answers that were read. Labels: deployment, revision."""

# gRPC, which the monitor takes on its serving port beside HTTP/1.1.
SERVICE_PORT_GRPC: Final = 8081
"""Of the Services, for revisions with spec.server.grpcPort; it leads to the monitor's serving port, too."""
METRIC_GRPC_CALLS: Final = "modelward_grpc_calls_total"
"""Calls that this revision's own server has ended. Labels: deployment, revision, grpc_status (OK, ...)."""

# ModelApprovals, and the verbs on a ModelDeployment that the API server asks its authorizer for.
KIND_APPROVAL: Final = "ModelApproval"
PLURAL_APPROVAL: Final = "modelapprovals"
METRIC_APPROVAL_AWAITED: Final = "modelward_approval_awaited_since_timestamp_seconds"
"""Unix time since when a person's word is awaited. Labels: namespace, deployment, revision, reason."""
ALERT_APPROVAL_AWAITED: Final = "ModelwardApprovalAwaited"
VERB_APPROVE: Final = "approve"
"""Who has it may make a ModelApproval for that ModelDeployment, in their own name."""
VERB_RUN_GATES: Final = "rungates"
"""Who has it may make the Jobs of gates, and their pods: the operator."""
VERB_SET_GATES: Final = "setgates"
"""Who has it may say what a candidate must pass: spec.gates, spec.requireApproval, what they measure by."""

# Gates in the cluster. A gate's pod has no LABEL_DEPLOYMENT, by which Services and PodMonitors select pods.
LABEL_GATE: Final = "modelward.dev/gate"
"""On a gate's Job and pod: the gate's name."""
LABEL_GATED_REVISION: Final = "modelward.dev/gated-revision"
"""On a gate's pod: the revision that is judged."""
ANNOTATION_GATE_JOB: Final = "modelward.dev/gate-job"
"""On a gate's Job, JSON: whose it is, by revision, gate, configuration, run and attempt."""
ANNOTATION_GATE_REPORT: Final = "modelward.dev/gate-report"
"""On a gate's Job: where its program writes its report, or REPORT_ON_LOG. Absent: it writes none."""
REPORT_ON_LOG: Final = "log"
"""Onto the log of its container, from which the operator takes it."""
ANNOTATION_PASSED_GATES: Final = "modelward.dev/passed-gates"
"""On a ControllerRevision, JSON: the gates that it has passed, which it need not pass again."""
ANNOTATION_ADDED_GATES: Final = "modelward.dev/added-gates"
"""On a ControllerRevision, JSON: the gates that spec has added to it, each with what it is measured by."""
ANNOTATION_GATE_REPORTS: Final = "modelward.dev/gate-reports"
"""On a ConfigMap of reports, JSON: by gate, the uid of the Job whose report is in it."""
SERVICE_PORT_SYNTHETIC: Final = 9081
"""Of a revision's Service: leads to the monitors' PORT_SYNTHETIC, for gates."""
CONTAINER_GATE: Final = "gate"
"""Of a measured gate's pod."""
PATH_GATE: Final = "/modelward"
"""Of a gate's pod: a folder for what it writes."""
FILE_GATE_VERDICT: Final = "verdict.json"
"""In it: the container's termination message."""
PATH_GATE_CONFIG: Final = "/etc/modelward/gate"
FILE_GATE: Final = "gate.yaml"
PATH_GATE_REPORTS: Final = "/mnt/reports"
"""Where a gate's pod finds the claim of spec.gateReports."""
FILE_REPORT: Final = "report.html"
FILE_REPORT_VERDICT: Final = "verdict.json"
LOG_FILE_BEGIN: Final = "-----BEGIN MODELWARD FILE {}-----"
"""On a gate's log, before a file as gzip in base64, when reports go into a ConfigMap."""
LOG_FILE_END: Final = "-----END MODELWARD FILE {}-----"
ENV_GATE_ENDPOINT: Final = "MODELWARD_ENDPOINT"
ENV_GATE_STABLE_ENDPOINT: Final = "MODELWARD_STABLE_ENDPOINT"
ENV_GATE_REVISION: Final = "MODELWARD_REVISION"
ENV_GATE_VERDICT: Final = "MODELWARD_VERDICT"
ENV_GATE_MEMORY: Final = "MODELWARD_MEMORY_MIB"
