"""What the monitor's parts share: the configuration, keys and traffic in force, and the counts."""

import math
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakSet

from modelward.api.monitorconfig import (
    LatencyObjectiveConfig,
    LatencyOf,
    MonitorConfig,
    ServerProtocol,
    StorageObjectiveConfig,
    TrafficMode,
)
from modelward.conventions import STORAGE_FAST
from modelward.monitor.capture.channel import Channel
from modelward.monitor.capture.share import Share
from modelward.monitor.counters import BAD, GOOD, Counts
from modelward.monitor.events import AnswerObjective, of_answers
from modelward.monitor.labels import LabelQueue, SeenReceipts
from modelward.monitor.predictions import Wanted, wanted
from modelward.monitor.receipts import Signer
from modelward.monitor.store_watch import StoreWatch
from modelward.monitor.trace import Sampler
from modelward.monitor.traffic import Target, TrafficState

SERVER_HOST: Final = "127.0.0.1"
"""The model server is a container of the same pod."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The deployment's secrets."""

    receipt_keys: tuple[bytes, ...]
    """The first signs, all verify."""
    admin_token: str


@dataclass(slots=True)
class MonitorState:
    """One process's state. Written by watch.py, admin.py and the proxy, all on one event loop."""

    started_s: float
    """Start of the process, Unix time."""
    config: MonitorConfig | None = None
    server: Target | None = None
    """The pod's own server; None before there is a configuration."""
    grpc_server: Target | None = None
    """Where it listens for gRPC; None: it does not."""
    protocol: ServerProtocol = ServerProtocol.V2
    pointer: str | None = None
    """Where a plain server's answer has its predictions; None: they are not read."""
    max_request_body_bytes: int | None = None
    """Longest body of a request; None: there is no limit."""
    sampler: Sampler | None = None
    """Decides whose traces are kept; None: no spans are made."""
    of_answers: tuple[AnswerObjective, ...] = ()
    """The objectives whose events are answers: those of latency and availability."""
    wanted: Wanted = Wanted.PREDICTION
    """Which output of an answer its receipt holds."""
    slow_after_s: float = math.inf
    """A prediction that takes longer is bad for a latency objective."""
    keys: Keys | None = None
    _signer: Signer | None = None
    traffic: TrafficState = field(default_factory=TrafficState)
    counts: Counts = field(default_factory=Counts)
    labels: LabelQueue = field(default_factory=LabelQueue)
    seen: SeenReceipts = field(default_factory=SeenReceipts)
    store: StoreWatch = field(default_factory=StoreWatch)
    share: Share = field(default_factory=lambda: Share(0, 0))
    """Which exchanges are sampled for their content."""
    max_sampled_bytes: int = 0
    samples: WeakSet[object] = field(default_factory=WeakSet)
    """The bodies that are kept now, each for as long as its exchange lasts."""
    kept_bytes: int = 0
    """Of requests' bodies that are kept in case they have to be sent again."""
    capture: Channel | None = None
    """The second process; None: there is none, and nothing is sampled."""
    draining_since_s: float | None = None
    """Monotonic time at which draining began; None: not draining."""

    def take_config(self, config: MonitorConfig) -> None:
        """Put a configuration in force."""
        self.config = config
        self.server = Target(SERVER_HOST, config.server.port)
        port = config.server.grpc_port
        self.grpc_server = None if port is None else Target(SERVER_HOST, port)
        self.protocol, self.pointer = config.server.protocol, config.server.prediction
        self.max_request_body_bytes = config.server.max_request_body_bytes
        self.sampler = Sampler(config.telemetry.sample_ratio) if config.telemetry.is_exported else None
        self.of_answers = of_answers(config.objectives)
        self._signer = None
        self.wanted = wanted(config.objectives)
        within_ms = (
            each.within_ms
            for each in config.objectives
            if isinstance(each, LatencyObjectiveConfig) and each.of is LatencyOf.ANSWER
        )
        self.slow_after_s = min(within_ms, default=math.inf) / 1000
        reads_content = self.capture is not None and config.drift is not None
        self.share = Share(config.capture.share if reads_content else 0, config.capture.per_second)
        self.max_sampled_bytes = config.capture.max_body_bytes
        if self.capture is not None:
            self.capture.configure(config)
        self.traffic.apply(config.traffic)
        self.counts.events.configure(config.revision, config.objectives)
        of_storage = (each for each in config.objectives if isinstance(each, StorageObjectiveConfig))
        self.store.watch(next(of_storage, None))

    def take_keys(self, keys: Keys) -> None:
        """Put keys in force."""
        self.keys = keys
        self._signer = None

    def signer(self) -> Signer | None:
        """What signs receipts; None before there is a configuration and a key."""
        if self._signer is None and self.config is not None and self.keys is not None:
            config, key = self.config, self.keys.receipt_keys[0]
            self._signer = Signer(config.namespace, config.deployment, config.revision, key)
        return self._signer

    def count_store_read(self, source: str, read_ms: float, now_s: float) -> None:
        """Count one read of the store as an event; infinite: it failed. No event where none is asked for."""
        objective = self.store.objective
        if objective is None or self.config is None:
            return
        storage = self.store.class_of(read_ms)
        result = GOOD if storage == STORAGE_FAST else BAD
        self.counts.events.count(self.config.revision, objective, result, storage)
        if math.isfinite(read_ms):
            self.counts.store_reads.observe(source, read_ms / 1000)
        if result == BAD:
            self.store.attend(now_s)

    @property
    def is_draining(self) -> bool:
        """Whether clients are to reconnect elsewhere because the pod is ending."""
        return self.draining_since_s is not None

    @property
    def mode(self) -> TrafficMode:
        """The traffic mode in force."""
        return self.traffic.current.mode
