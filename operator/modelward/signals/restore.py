"""Reads the detectors' state back from Prometheus when the operator starts.

Every scrape of the operator holds the whole state, with the time of the last block in it. The newest such
scrape of the last hour is found first and then read as of that moment, so that nothing is mixed into it that
had ended before. The counts since are replayed by the next poll, which asks from the ledger's time on.
State that is gone is an empty ledger, which can only delay a verdict; so is that of an earlier object of the
same name, because its uid is another one.
"""

import logging
from collections.abc import Mapping
from typing import Final, TypeAlias

from modelward.conventions import METRIC_LABEL_UID
from modelward.evidence.ledger import Ledger
from modelward.render import promql
from modelward.signals.answers import NoAnswerError, Series, Span
from modelward.signals.clients import Clients
from modelward.signals.key import Key
from modelward.signals.prometheus import Prometheus
from modelward.signals.shards import SHARD_SIZE, by_prometheus

Exporter: TypeAlias = frozenset[tuple[str, str]]
"""Labels that are not of the state itself: which operator pod exported, and the uid of the object."""

LOOKBACK_SECONDS: Final = 3600
_OF_STATE: Final = frozenset(
    ("__name__", "namespace", "deployment", "revision", "objective", "config", "terms", "test", "component")
)
_log: Final = logging.getLogger(__name__)


async def restore(clients: Clients, uids: Mapping[Key, str], now: float) -> Mapping[Key, Ledger]:
    """Read the last exported ledgers as of `now` (unix seconds), of objects that have these uids.

    Returns:
        A ledger for each deployment that could be asked about, an empty one where nothing was exported in
        the last hour. One that is missing here could not be asked about: ask again later rather than begin
        anew. Nothing about Prometheus raises.
    """
    restored: dict[Key, Ledger] = {}
    for prometheus, shard in by_prometheus(clients, uids, SHARD_SIZE):
        try:
            restored |= await _restore_shard(prometheus, {key: uids[key] for key in shard}, now)
        except NoAnswerError as error:
            _log.warning("evidence of %d deployments cannot be read back yet: %s", len(shard), error)
    return restored


async def _restore_shard(prometheus: Prometheus, uids: Mapping[Key, str], now: float) -> dict[Key, Ledger]:
    newest: dict[Key, tuple[float, Exporter]] = {}
    scrapes = promql.evidence_block_times(uids, LOOKBACK_SECONDS)
    for series in await prometheus.samples(scrapes, Span(now - LOOKBACK_SECONDS, now)):
        key, exported_at = _key(series), max(time for time, _ in series.points)
        if key not in uids or series.labels.get(METRIC_LABEL_UID) != uids[key]:
            continue
        if exported_at > newest.get(key, (0.0, None))[0]:
            newest[key] = (exported_at, _exporter(series))
    by_time: dict[float, list[Key]] = {}
    for key, (exported_at, _) in newest.items():
        by_time.setdefault(exported_at, []).append(key)
    ledgers = dict.fromkeys(uids, Ledger())
    for exported_at, together in by_time.items():
        samples: dict[Key, list[tuple[Mapping[str, str], float]]] = {key: [] for key in together}
        for series in await prometheus.instant(promql.evidence_state(together), exported_at):
            key = _key(series)
            if key in samples and _exporter(series) == newest[key][1]:
                samples[key].append((series.labels, series.points[0][1]))
        ledgers |= {key: Ledger.from_samples(found) for key, found in samples.items()}
    return ledgers


def _key(series: Series) -> Key:
    return Key(series.labels.get("namespace", ""), series.labels.get("deployment", ""))


def _exporter(series: Series) -> Exporter:
    return frozenset(item for item in series.labels.items() if item[0] not in _OF_STATE)
