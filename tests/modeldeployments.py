"""A valid ModelDeployment, and a table of wrong ones with what a person must be told about each."""

import copy
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Manifest: TypeAlias = dict[str, Any]

VALID: Final[Manifest] = {
    "apiVersion": "modelward.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "electricity"},
    "spec": {
        "model": {"uri": "s3://models/electricity/2"},
        "server": {"template": {"spec": {"containers": [{"name": "model", "image": "mlserver:1.7.1"}]}}},
        "rollout": {"steps": [{"weight": 10}, {"weight": 50}]},
        "objectives": [{"name": "latency", "latency": {"within": "200ms"}, "target": "99%"}],
    },
}

LEFT_OUT: Final = object()
"""As a value in a change: the field is removed."""


def changed(change: Manifest, base: Manifest = VALID) -> Manifest:
    """Return `base` with `change` merged into it; lists are replaced whole."""
    result = copy.deepcopy(base)
    for key, value in change.items():
        if value is LEFT_OUT:
            del result[key]
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = changed(value, result[key])
        else:
            result[key] = copy.deepcopy(value)
    return result


@dataclass(frozen=True, slots=True)
class Wrong:
    """A manifest that must be refused."""

    name: str
    change: Manifest
    said: str
    """Part of the API server's answer."""

    @property
    def manifest(self) -> Manifest:
        """The whole of it."""
        return changed(self.change)


def _objective(**fields: object) -> Manifest:
    return {
        "spec": {
            "objectives": [{"name": "latency", "latency": {"within": "200ms"}, "target": "99%"} | fields]
        }
    }


def _detector(**fields: object) -> Manifest:
    drift = {"profile": {"configMapName": "electricity"}, "detectors": [{"name": "own"} | fields]}
    return {"spec": {"drift": drift}}


def _query(**fields: str) -> Manifest:
    query = {"good": 'sum(g_total{r="$revision"})', "total": 'sum(a_total{r="$revision"})'} | fields
    return {"spec": {"objectives": [{"name": "answers", "query": query, "target": "99%"}]}}


_TOLD_APART_BY_NOTHING: Final[Manifest] = {
    "name": "answers",
    "query": {"good": "sum(good_total)", "total": "sum(all_total)"},
    "target": "99%",
    "scope": "AfterPromotion",
}


def _accuracy(accuracy: Manifest) -> Manifest:
    return {"spec": {"objectives": [{"name": "accuracy", "accuracy": accuracy, "target": "65%"}]}}


_STORAGE: Final[Manifest] = {
    "name": "storage",
    "storage": {"within": "300ms"},
    "target": "99%",
    "onBreach": "Hold",
}


def _store(*more: Manifest, **fields: object) -> Manifest:
    return {"spec": {"objectives": [*VALID["spec"]["objectives"], changed(fields, _STORAGE), *more]}}


def _rollout(**fields: object) -> Manifest:
    return {"spec": {"rollout": fields}}


def _pod(**fields: object) -> Manifest:
    return {"spec": {"server": {"template": {"spec": fields}}}}


def _container(**fields: object) -> Manifest:
    return _pod(containers=[{"name": "model", "image": "mlserver:1.7.1"} | fields])


_NOISE: Final[Manifest] = {"robustness": {"noise": [{"size": "0.1", "maxFlips": "5%"}]}}


def _gates(*gates: Manifest, **fields: object) -> Manifest:
    """Return a change by gates that can be measured; `fields` replace others of spec."""
    measured: Manifest = {
        "inference": {"model": "electricity"},
        "validation": {"uri": "s3://data/validation.csv", "labels": "class"},
    }
    return {"spec": {**measured, "gates": [{"name": "calm"} | gate for gate in gates], **fields}}


def _test(**fields: object) -> Manifest:
    pod = {"containers": [{"name": "test", "image": "test:1"}]} | fields
    return _gates({"job": {"template": {"spec": pod}}})


BESIDE_THE_MODEL: Final = (
    "/mnt",
    "/mnt/models/cache",
    "/mnt/models2",
    "/mnt/models/.cache",
    "/srv/mnt/models",
)
"""Where a volume may be mounted that looks as if it were the model's folder."""

AGAINST_A_RULE: Final = (
    Wrong(
        "a gate of two kinds",
        _gates(_NOISE | {"approval": {}}),
        "write exactly one of dataQuality, interpretability, robustness, job and approval",
    ),
    Wrong(
        "a person who is to warn",
        _gates({"approval": {}, "onFailure": "Warn"}),
        "leave onFailure out of an approval",
    ),
    Wrong(
        "a gate with nothing to measure by",
        {"spec": {"gates": [{"name": "calm"} | _NOISE]}},
        "gates measure a model by its predictions for labelled rows: write inference and validation",
    ),
    Wrong(
        "validation data on a laptop",
        _gates(_NOISE, validation={"uri": "validation.csv", "labels": "class"}),
        "a gate's pod has no files of yours: write s3://",
    ),
    Wrong(
        "training data on a laptop",
        _gates(_NOISE, training={"uri": "file:///training.csv"}),
        "a gate's pod has no files of yours: write s3://",
    ),
    Wrong(
        "a profile on a laptop",
        _gates({"dataQuality": {"profile": "profile.json"}}),
        "a gate's pod has no files of yours: write s3://",
    ),
    Wrong(
        "leakage from nowhere",
        _gates({"dataQuality": {"maxLeakage": "1%"}}),
        "write training, or leave out maxLeakage",
    ),
    Wrong("a shift from nowhere", _gates({"dataQuality": {"shift": {}}}), "write training, or the profile"),
    Wrong(
        "classes of a regression",
        _gates(
            {"dataQuality": {"minClassShare": "1%"}},
            inference={"model": "electricity", "answers": "Values"},
        ),
        "answers: Values has no classes: leave out perturbation and minClassShare",
    ),
    Wrong(
        "a gradient through an endpoint",
        _gates({"robustness": {"gradient": [{"method": "FGSM", "size": "0.1", "maxFlips": "5%"}]}}),
        "gradient attacks the model's file: write inference.modelFile, its path below model.uri",
    ),
    Wrong(
        "a model's file outside of the model",
        _gates(_NOISE, inference={"model": "electricity", "modelFile": "../model.joblib"}),
        "not a file of the model: write its path below the model's address",
    ),
    Wrong(
        "the name of requireApproval's gate",
        {"spec": {"gates": [{"name": "rollout-approval", "approval": {}}]}},
        "rollout-approval is the gate of requireApproval.rollout: write another name",
    ),
    Wrong("a test without a container", _test(containers=[]), "no container: write the test as the first"),
    Wrong("a test that is restarted", _test(restartPolicy="Always"), "a test runs once: write restartPolicy"),
    Wrong(
        "a test with the operator's volume",
        _test(volumes=[{"name": "modelward-verdict", "emptyDir": {}}]),
        "volumes whose name begins with modelward- belong to the operator: write another name",
    ),
    Wrong(
        "a test with the operator's label",
        _gates(
            {
                "job": {
                    "template": {
                        "metadata": {"labels": {"modelward.dev/deployment": "electricity"}},
                        "spec": {"containers": [{"name": "test", "image": "test:1"}]},
                    }
                }
            }
        ),
        "labels under modelward.dev/ are set by the operator: leave them out",
    ),
    Wrong(
        "reports in two places",
        {"spec": {"gateReports": {"configMap": {}, "uri": "s3://reports/electricity"}}},
        "write at most one of configMap, uri and persistentVolumeClaimName",
    ),
    Wrong(
        "reports on a web server",
        {"spec": {"gateReports": {"uri": "https://reports/electricity"}}},
        "not a place for reports: write s3://BUCKET/PATH",
    ),
    Wrong(
        "reports on a claim that can have no such name",
        {"spec": {"gateReports": {"persistentVolumeClaimName": "Reports"}}},
        "not the name of a PersistentVolumeClaim: write lower case letters",
    ),
    Wrong(
        "a graphics card for a gate",
        {"spec": {"gateResources": {"limits": {"nvidia.com/gpu": "1"}}}},
        "not a resource of gates: write cpu, memory or ephemeral-storage",
    ),
    Wrong(
        "memory in words",
        {"spec": {"gateResources": {"limits": {"memory": "one gigabyte"}}}},
        "not a quantity: write it in quotes",
    ),
    Wrong(
        "a person who is hardly awaited",
        {"spec": {"requireApproval": {"timeout": "1s"}}},
        "write a duration from 1m to 2160h",
    ),
    Wrong(
        "a name that is too long",
        {"metadata": {"name": "e" * 41}},
        "write at most 40 lower case letters, digits and -, beginning with a letter",
    ),
    Wrong(
        "a name with a dot",
        {"metadata": {"name": "electricity.v2"}},
        "write at most 40 lower case letters, digits and -, beginning with a letter",
    ),
    Wrong(
        "a path for an address",
        {"spec": {"model": {"uri": "/models/electricity"}}},
        "not a model's address: write s3://BUCKET/PATH",
    ),
    Wrong(
        "an unknown scheme",
        {"spec": {"model": {"uri": "ftp://models/electricity"}}},
        "not a model's address: write s3://BUCKET/PATH",
    ),
    Wrong(
        "a claim's name in capitals",
        {"spec": {"model": {"uri": "pvc://Models/electricity"}}},
        "not a model's address: write s3://BUCKET/PATH",
    ),
    Wrong(
        "a Secret with an underscore",
        {"spec": {"model": {"storageSecretName": "model_store"}}},
        "not the name of a Secret: write lower case letters, digits, - and .",
    ),
    Wrong(
        "a digest without its algorithm",
        {"spec": {"model": {"digest": "a" * 64}}},
        "not a digest: write sha256: and 64 hexadecimal digits in lower case",
    ),
    Wrong(
        "the monitor's port for the server",
        {"spec": {"server": {"port": 9080}}},
        "are those of injected containers: write another port",
    ),
    Wrong(
        "the port of the collector's metrics for the server",
        {"spec": {"server": {"port": 8888}}},
        "are those of injected containers: write another port",
    ),
    Wrong(
        "no container",
        _pod(containers=[]),
        "no container: write the model server as the first of template.spec.containers",
    ),
    Wrong(
        "an injected container's name",
        _container(name="monitor"),
        "otel-collector, fetch, monitor are the names of injected containers: write another name",
    ),
    Wrong(
        "an injected container's name among the init containers",
        _pod(initContainers=[{"name": "fetch", "image": "busybox"}]),
        "otel-collector, fetch, monitor are the names of injected containers: write another name",
    ),
    Wrong(
        "an injected container's port",
        _container(ports=[{"containerPort": 4317}]),
        "are those of injected containers: write another containerPort",
    ),
    Wrong(
        "the name of the monitor's port",
        _container(ports=[{"containerPort": 8082, "name": "mw-metrics"}]),
        "mw-serving, mw-synthetic, mw-metrics, mw-admin, mw-otel, mw-spans are those of injected containers",
    ),
    Wrong(
        "a volume where the model is mounted",
        _container(volumeMounts=[{"name": "models", "mountPath": "/mnt/models"}]),
        "/mnt/models is where the model is mounted: leave this volumeMount out",
    ),
    *(
        Wrong(
            f"a volume where the model is mounted, as {path}",
            _container(volumeMounts=[{"name": "models", "mountPath": path}]),
            "/mnt/models is where the model is mounted: leave this volumeMount out",
        )
        for path in ("/mnt/models/", "/mnt//models", "/mnt/./models", "//./mnt/models/./", "mnt/models")
    ),
    Wrong(
        "a volume of an injected container",
        _pod(volumes=[{"name": "modelward-tmp", "emptyDir": {}}]),
        "volumes whose name begins with modelward- belong to injected containers: write another name",
    ),
    Wrong(
        "a label of the operator",
        {"spec": {"server": {"template": {"metadata": {"labels": {"modelward.dev/revision": "x"}}}}}},
        "labels under modelward.dev/ are set by the operator: leave them out",
    ),
    Wrong(
        "a pod that is not restarted",
        _pod(restartPolicy="Never"),
        "a server is always restarted: write restartPolicy: Always, or leave it out",
    ),
    Wrong(
        "the node's network",
        _pod(hostNetwork=True),
        "two revisions on one node would take the same ports: leave hostNetwork out",
    ),
    Wrong(
        "one process namespace for the pod",
        _pod(shareProcessNamespace=True),
        "the monitor is told to drain by a signal to its first process: leave shareProcessNamespace out",
    ),
    Wrong(
        "steps that fall",
        _rollout(steps=[{"weight": 50}, {"weight": 10}]),
        "weights of steps must rise: write each step's weight above the one before it, such as 10, 50",
    ),
    Wrong(
        "two steps of one weight",
        _rollout(steps=[{"weight": 50}, {"weight": 50}]),
        "weights of steps must rise: write each step's weight above the one before it, such as 10, 50",
    ),
    Wrong(
        "a duration without a unit",
        _rollout(steps=[{"weight": 50, "duration": "300"}]),
        "not a duration: write a number with ms, s, m or h, such as 200ms, 5m or 1h30m",
    ),
    Wrong(
        "a duration in days",
        _rollout(standby={"retain": "1d"}),
        "not a duration: write a number with ms, s, m or h, such as 200ms, 5m or 1h30m",
    ),
    Wrong(
        "a step too short for a verdict",
        _rollout(steps=[{"weight": 50, "duration": "5s"}]),
        "write a duration from 20s to 24h",
    ),
    Wrong(
        "a step too long",
        _rollout(steps=[{"weight": 50, "duration": "25h"}], deadline="48h"),
        "write a duration from 20s to 24h",
    ),
    Wrong(
        "a deadline before the end of the steps",
        _rollout(steps=[{"weight": 10, "duration": "40m"}, {"weight": 50, "duration": "20m"}]),
        "the deadline ends before the steps do: write a deadline above the sum of the steps' durations",
    ),
    Wrong(
        "no deadline at all",
        _rollout(steps=[{"weight": 50, "duration": "30s"}], deadline="0s"),
        "write a duration from 1m to 720h",
    ),
    Wrong(
        "a progress deadline of a week",
        _rollout(progressDeadline="168h"),
        "write a duration from 10s to 24h",
    ),
    Wrong(
        "a probability of 0",
        _rollout(maxFalseRejectionProbability="0"),
        'write a number above "0" and up to "0.5"',
    ),
    Wrong(
        "a probability in percent",
        _rollout(maxFalseRejectionProbability="1%"),
        'not a decimal: write a non-negative number in quotes, such as "1.5"',
    ),
    Wrong(
        "more standby than all",
        _rollout(standby={"replicas": "150%"}),
        'not a share of replicas: write a string from "0%" to "100%"',
    ),
    Wrong(
        "most of the traffic held back",
        _rollout(holdback="60%"),
        'not a share of traffic: write a string from "1%" to "50%"',
    ),
    Wrong(
        "nothing held back",
        _rollout(holdback="0%"),
        'not a share of traffic: write a string from "1%" to "50%"',
    ),
    Wrong(
        "a probe too short to tell",
        {"spec": {"rollback": {"probe": {"duration": "10s"}}}},
        "write a duration from 1m to 168h",
    ),
    Wrong(
        "an objective of two kinds",
        _objective(availability={}),
        "write exactly one of latency, availability, accuracy, storage and query",
    ),
    Wrong(
        "an objective of no kind",
        {"spec": {"objectives": [{"name": "latency", "target": "99%"}]}},
        "write exactly one of latency, availability, accuracy, storage and query",
    ),
    Wrong(
        "a rollback because of a slow store",
        _store(onBreach="Rollback"),
        "a slow store is no fault of the model: write onBreach: Hold or onBreach: Alert",
    ),
    Wrong(
        "a storage objective that says nothing of a breach",
        _store(onBreach=LEFT_OUT),
        "a slow store is no fault of the model: write onBreach: Hold or onBreach: Alert",
    ),
    Wrong(
        "a store that is watched after a promotion only",
        _store(scope="AfterPromotion"),
        "the store is watched whatever is tried or serves: leave out scope",
    ),
    Wrong(
        "two limits for the store",
        _store({**_STORAGE, "name": "store-too"}),
        "events are marked slow by one limit: write one storage objective",
    ),
    Wrong(
        "nothing but the store to judge by",
        {"spec": {"objectives": [_STORAGE]}},
        "nothing would judge a candidate: write at least one objective with scope: Always",
    ),
    Wrong(
        "a read of the store of no time",
        _store(storage={"within": "0ms"}),
        "write a duration from 1ms to 10s",
    ),
    Wrong(
        "an objective's name in capitals",
        _objective(name="Latency"),
        "not an objective's name: write lower case letters, digits and -, beginning with a letter",
    ),
    Wrong(
        "a target of 100%",
        _objective(target="100%"),
        'write a percentage above "0%" and below "100%"',
    ),
    Wrong(
        "a target as a share",
        _objective(target="0.99"),
        'not a percentage: write a string from "0%" to "100%", such as "99.5%"',
    ),
    Wrong(
        "a latency of nothing",
        _objective(latency={"within": "0ms"}),
        "write a duration from 1ms to 1h",
    ),
    Wrong(
        "a negative tolerance",
        _accuracy({"tolerance": "-1"}),
        'not a decimal: write a non-negative number in quotes, such as "1.5"',
    ),
    Wrong(
        "a ratio below 1",
        _objective(versusStable={"maxRatio": "0.9"}),
        'write a number above "1" and up to "100"',
    ),
    Wrong(
        "worse and not worse at once",
        _objective(versusStable={"maxRatio": "1.5", "notWorseRatio": "1.2"}),
        "a candidate would be worse and not worse at once: write a notWorseRatio of at least maxRatio",
    ),
    Wrong(
        "a not worse ratio below the default ratio",
        _objective(versusStable={"notWorseRatio": "1.4"}),
        'write a notWorseRatio of at least maxRatio ("1.5" where none is written)',
    ),
    Wrong(
        "a ratio and a margin",
        _objective(versusStable={"maxRatio": "1.5", "maxMargin": "0.02"}),
        "by ratio or by margin: write maxMargin and notWorseMargin and drop the ratios, or write maxRatio",
    ),
    Wrong(
        "a margin of everything",
        _objective(versusStable={"maxMargin": "0.6"}),
        'write a number above "0" and up to "0.5"',
    ),
    Wrong(
        "a not worse margin alone",
        _objective(versusStable={"notWorseMargin": "0.02"}),
        "from which margin on a candidate is worse is not said: write maxMargin beside notWorseMargin",
    ),
    Wrong(
        "worse and not worse at once by margin",
        _objective(versusStable={"maxMargin": "0.04", "notWorseMargin": "0.02"}),
        "a candidate would be worse and not worse at once: write a notWorseMargin of at least maxMargin",
    ),
    Wrong(
        "a pointer where predictions are known",
        {"spec": {"server": {"protocol": "v2", "prediction": "/class"}}},
        "drop prediction, or write protocol: http",
    ),
    Wrong(
        "gRPC of another protocol",
        {"spec": {"server": {"protocol": "http", "grpcPort": 9000}}},
        "drop grpcPort, or write protocol: v2",
    ),
    Wrong(
        "gRPC at an injected container's port",
        {"spec": {"server": {"grpcPort": 4317}}},
        "are those of injected containers: write another port",
    ),
    Wrong(
        "a size without its unit's i",
        {"spec": {"server": {"maxRequestBodySize": "64M"}}},
        "not a size: write a whole number with Ki, Mi or Gi, such as 64Mi",
    ),
    Wrong(
        "a size of nothing",
        {"spec": {"server": {"maxRequestBodySize": "0"}}},
        "not a size: write a whole number with Ki, Mi or Gi, such as 64Mi",
    ),
    Wrong(
        "a pointer without its slash",
        {"spec": {"server": {"protocol": "http", "prediction": "class"}}},
        "not a JSON pointer: write one such as /result/class",
    ),
    Wrong(
        "two latencies in one objective",
        {
            "spec": {
                "objectives": [
                    {
                        "name": "latency",
                        "latency": {"within": "1s", "firstTokenWithin": "500ms"},
                        "target": "99%",
                    }
                ]
            }
        },
        "write exactly one of within, firstTokenWithin and timePerOutputTokenWithin",
    ),
    Wrong(
        "a tolerance and a mean error",
        _accuracy({"tolerance": "1", "meanAbsoluteError": {"clip": "10"}}),
        "write one of tolerance, meanAbsoluteError, probabilityThreshold and argmax, or none",
    ),
    Wrong(
        "a threshold and the highest score",
        _accuracy({"probabilityThreshold": "0.5", "argmax": {}}),
        "write one of tolerance, meanAbsoluteError, probabilityThreshold and argmax, or none",
    ),
    Wrong(
        "a probability above one",
        _accuracy({"probabilityThreshold": "2"}),
        'write a number from "0" to "1"',
    ),
    Wrong(
        "a class twice",
        _accuracy({"argmax": {"classes": ["up", "up"]}}),
        "a class is named twice: write a name of its own for each",
    ),
    Wrong(
        "errors clipped at nothing",
        _accuracy({"meanAbsoluteError": {"clip": "0"}}),
        'write a number above "0" and up to "999999999"',
    ),
    Wrong(
        "a query of nothing",
        _query(good=" "),
        "no query: write an expression in PromQL",
    ),
    Wrong(
        "a query that cannot tell a candidate",
        _query(good="sum(good_total)", total="sum(all_total)"),
        'write revision="$revision" in good and total, or scope: AfterPromotion',
    ),
    Wrong(
        "good of a revision and total of all",
        _query(total="sum(all_total)"),
        "good and total would be of different revisions: write $revision in both or in neither",
    ),
    Wrong(
        "a holdback that a query cannot tell apart",
        {
            "spec": {
                "rollout": {"holdback": "10%"},
                "objectives": [*VALID["spec"]["objectives"], _TOLD_APART_BY_NOTHING],
            }
        },
        "write $revision in good and total, or leave out rollout.holdback",
    ),
    Wrong(
        "drift of a revision",
        {"spec": {"drift": {"detectors": [{"name": "psi", "query": 'psi{revision="$revision"}'}]}}},
        "every revision is given the same inputs: write the query without $revision",
    ),
    Wrong(
        "a limit without a profile",
        {"spec": {"drift": {"psi": "0.2"}}},
        "psi and window are of a profile: write profile.configMapName, or leave them out",
    ),
    Wrong(
        "a detector with the profile's name",
        {"spec": {"drift": {"detectors": [{"name": "profile", "query": "psi"}]}}},
        "profile is the name of the profile's own detector: write another for yours",
    ),
    Wrong(
        "a detector with two measures",
        _detector(query="psi", events={"feature": "price", "values": "Missing"}),
        "a detector has one measure: write exactly one of query and events",
    ),
    Wrong(
        "a detector without a measure",
        _detector(),
        "a detector has one measure: write exactly one of query and events",
    ),
    Wrong(
        "events without a profile",
        {
            "spec": {
                "drift": {"detectors": [{"name": "own", "events": {"feature": "x", "values": "Missing"}}]}
            }
        },
        "events are counted of a profile's features: write profile.configMapName, or a query instead",
    ),
    Wrong(
        "events below nothing",
        _detector(events={"feature": "price", "values": "Below"}),
        "Below and Above compare with a bound: write bound with these, and leave it out with others",
    ),
    Wrong(
        "missing values with a bound",
        _detector(events={"feature": "price", "values": "Missing", "bound": "1"}),
        "Below and Above compare with a bound: write bound with these, and leave it out with others",
    ),
    Wrong(
        "a ConfigMap's name in capitals",
        {"spec": {"drift": {"profile": {"configMapName": "Electricity"}}}},
        "not the name of a ConfigMap: write lower case letters, digits, - and .",
    ),
    Wrong(
        "a window of a minute",
        {"spec": {"drift": {"profile": {"configMapName": "electricity"}, "window": "1m"}}},
        "write a duration from 5m to 24h",
    ),
    Wrong(
        "a detector's name in capitals",
        {"spec": {"drift": {"detectors": [{"name": "PSI", "query": "psi"}]}}},
        "not a detector's name: write lower case letters, digits and -, beginning with a letter",
    ),
    Wrong(
        "a threshold of words",
        {"spec": {"drift": {"detectors": [{"name": "psi", "query": "psi", "threshold": "much"}]}}},
        'not a decimal: write a non-negative number in quotes, such as "1.5"',
    ),
    Wrong(
        "no objective",
        {"spec": {"objectives": []}},
        "nothing would judge a candidate: write at least one objective with scope: Always",
    ),
    Wrong(
        "only objectives for after the promotion",
        _objective(scope="AfterPromotion"),
        "nothing would judge a candidate: write at least one objective with scope: Always",
    ),
    Wrong(
        "no false rollback ever",
        {"spec": {"rollback": {"maxFalseRollbacksPerYear": "0"}}},
        'write a number above "0" and up to "1000"',
    ),
    Wrong(
        "a selector of every alert",
        {"spec": {"rollback": {"alerts": [{"matchLabels": {}}]}}},
        "an empty selector would match every alert: write at least one label, such as alertname",
    ),
    Wrong(
        "a label that no alert can have",
        {"spec": {"rollback": {"alerts": [{"matchLabels": {"team-name": "power"}}]}}},
        "not an alert's label: write letters, digits and _, beginning with no digit",
    ),
    Wrong(
        "an endpoint without a scheme",
        {"spec": {"telemetry": {"otlp": {"endpoint": "jaeger:4317"}}}},
        "not an OTLP endpoint: write http://HOST:PORT or https://HOST:PORT",
    ),
    Wrong(
        "more traces than requests",
        {"spec": {"telemetry": {"sampleRatio": "1.5"}}},
        'write a number from "0" to "1"',
    ),
)
"""Refused by a rule of ours, which the API server and the operator say in the same words."""

AGAINST_THE_SCHEMA: Final = (
    Wrong(
        "a size that is no number",
        _gates({"robustness": {"noise": [{"size": "large", "maxFlips": "5%"}]}}),
        "spec.gates[0].robustness.noise[0].size",
    ),
    Wrong("no model", {"spec": {"model": LEFT_OUT}}, "spec.model: Required value"),
    Wrong(
        "no template", {"spec": {"server": {"template": LEFT_OUT}}}, "spec.server.template: Required value"
    ),
    Wrong(
        "an unknown protocol",
        {"spec": {"server": {"protocol": "grpc"}}},
        'spec.server.protocol: Unsupported value: "grpc": supported values: "v2", "openai", "http"',
    ),
    Wrong(
        "a port that is none",
        {"spec": {"server": {"port": 70000}}},
        "spec.server.port in body should be less than or equal to 65535",
    ),
    Wrong(
        "negative replicas",
        {"spec": {"replicas": -1}},
        "spec.replicas in body should be greater than or equal to 0",
    ),
    Wrong(
        "a step of everything",
        _rollout(steps=[{"weight": 100}]),
        "spec.rollout.steps[0].weight in body should be less than or equal to 99",
    ),
    Wrong(
        "no step",
        _rollout(steps=[]),
        "spec.rollout.steps in body should have at least 1 items",
    ),
    Wrong(
        "a policy that there is none of",
        {"spec": {"rollback": {"onUnknownCause": "Hold"}}},
        'onUnknownCause: Unsupported value: "Hold": supported values: "Probe", "Rollback", "Alert"',
    ),
    Wrong(
        "an unknown consequence",
        _objective(onBreach="Delete"),
        'onBreach: Unsupported value: "Delete": supported values: "Rollback", "Hold", "Alert"',
    ),
    Wrong(
        "a number without quotes",
        {"spec": {"rollback": {"maxFalseRollbacksPerYear": 1.5}}},
        "spec.rollback.maxFalseRollbacksPerYear",
    ),
    Wrong(
        "a container without a name",
        _pod(containers=[{"image": "mlserver:1.7.1"}]),
        "spec.server.template.spec.containers",
    ),
    Wrong(
        "eleven objectives",
        {
            "spec": {
                "objectives": [
                    {"name": f"latency-{n}", "latency": {"within": "200ms"}, "target": "99%"}
                    for n in range(11)
                ]
            }
        },
        "must have at most 10 items",
    ),
)
"""Refused by the schema, in the API server's own words."""

UNKNOWN_FIELDS: Final = (
    Wrong("a misspelt field", {"spec": {"rolout": {"deadline": "1h"}}}, "spec.rolout"),
    Wrong("a field of a newer version", {"spec": {"mirroring": {}}}, "spec.mirroring"),
    Wrong("a misspelt field of a step", _rollout(steps=[{"weight": 50, "wieght": 5}]), "wieght"),
    Wrong("a misspelt field of the pod", _pod(nodeSelectors={"gpu": "yes"}), "nodeSelectors"),
)
"""Refused under strict field validation and by server-side apply, pruned without."""

FULL_TEMPLATE: Final[Manifest] = {
    "metadata": {
        "labels": {"app": "electricity", "team": "power"},
        "annotations": {"example.com/owner": "power"},
    },
    "spec": {
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "priority": 0,
        "terminationGracePeriodSeconds": 60,
        "nodeSelector": {"accelerator": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "imagePullSecrets": [{"name": "registry"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["features.local"]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 50,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {
                                "matchExpressions": [
                                    {"key": "app", "operator": "In", "values": ["electricity"]}
                                ]
                            },
                        },
                    }
                ]
            },
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["c"]}]}
                    ]
                }
            },
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "electricity"}},
            }
        ],
        "initContainers": [{"name": "warm-up", "image": "busybox", "command": ["sh", "-c", "true"]}],
        "containers": [
            {
                "name": "model",
                "image": "mlserver:1.7.1",
                "imagePullPolicy": "IfNotPresent",
                "args": ["start", "/mnt/models"],
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "grpc", "containerPort": 8081, "protocol": "TCP"},
                ],
                "env": [
                    {"name": "PLAIN", "value": "1"},
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {
                        "name": "KEY",
                        "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k", "optional": True}},
                    },
                    {
                        "name": "CPU",
                        "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
                    },
                ],
                "envFrom": [{"prefix": "S_", "secretRef": {"name": "settings"}}],
                "resources": {
                    "requests": {"cpu": 1, "memory": "512Mi"},
                    "limits": {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": 1},
                },
                "readinessProbe": {
                    "httpGet": {"path": "/v2/health/ready", "port": "http", "scheme": "HTTP"},
                    "periodSeconds": 2,
                },
                "livenessProbe": {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 5},
                "startupProbe": {"grpc": {"port": 8081}, "failureThreshold": 60},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [
                    {"name": "scratch", "mountPath": "/tmp"},
                    {"name": "settings", "mountPath": "/etc/server", "readOnly": True},
                ],
            },
            {"name": "explainer", "image": "explainer:1", "ports": [{"containerPort": 8090}]},
        ],
        "volumes": [
            {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
            {
                "name": "settings",
                "projected": {
                    "defaultMode": 288,
                    "sources": [
                        {"configMap": {"name": "server", "items": [{"key": "a", "path": "a.json"}]}},
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                        {
                            "downwardAPI": {
                                "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
                            }
                        },
                    ],
                },
            },
            {"name": "features", "persistentVolumeClaim": {"claimName": "features", "readOnly": True}},
            {
                "name": "cache",
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "metadata": {"labels": {"kind": "cache"}},
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}},
                        },
                    }
                },
            },
        ],
    },
}
"""A pod template that uses most of what one may say."""
