"""One answer to a scrape: what the ledger says now, and what this host sees of disk and keys."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from dicom_node.config import Config
from dicom_node.disk import room_of
from dicom_node.errors import LedgerUnavailable, UsageError
from dicom_node.ledger import Ledger
from dicom_node.metrics import families
from dicom_node.metrics.collector import Told, gauge
from dicom_node.network.tls import Certificate
from dicom_node.ops.certificates import certificates_of
from dicom_node.ops.running import known_destinations

#: Of the answer, for HTTP.
CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Seconds that the ledger has for each of the few questions: Prometheus waits ten for all.
SCRAPE_WITHIN_S = 4.0


def exposition(ledger: Ledger | None, config: Config, within_s: float = SCRAPE_WITHIN_S) -> bytes:
    """The metrics in Prometheus's text format.

    `ledger`: best opened by a process that does no work of the node, which then never waits for
    what is asked here. None: it cannot be opened; `cxr_ledger_up` says so, as where it does not
    answer.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(ledger, config, within_s))
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, ledger: Ledger | None, config: Config, within_s: float) -> None:
        self._ledger = ledger
        self._config = config
        self._within_s = within_s

    def describe(self) -> list[Metric]:
        """Nothing: a registry would collect everything once to know the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            if self._ledger is None:
                raise LedgerUnavailable("it cannot be opened")
            figures = self._ledger.gauges.figures(self._within_s)
            totals = self._ledger.tallies.totals(self._within_s)
        except LedgerUnavailable:
            yield gauge(families.LEDGER_UP, {(): 0.0})
        else:
            yield from Told(figures, totals, known_destinations(self._config)).metrics()
        yield from _disk(self._config)
        yield from _certificates(self._config)


def _disk(config: Config) -> Iterator[Metric]:
    try:
        room = room_of(config.spool_folder)
    except OSError:
        # Not mounted here: what is not seen is not told.
        return
    reserve = min(config.retention.min_free_bytes, room.size_bytes // 10)
    yield gauge(families.DISK_FREE, {(): float(room.free_bytes)})
    yield gauge(families.DISK_SIZE, {(): float(room.size_bytes)})
    yield gauge(families.DISK_RESERVE, {(): float(reserve)})


def _certificates(config: Config) -> Iterator[Metric]:
    try:
        found = [one for one in certificates_of(config) if isinstance(one, Certificate)]
    except UsageError:
        # One that is no good is as good as expired.
        yield gauge(families.CERTIFICATE, {(): 0.0})
        return
    if found:
        left = min(one.expires_at for one in found) - datetime.now(UTC)
        yield gauge(families.CERTIFICATE, {(): left.total_seconds()})
