"""The metrics, made of what the ledger has, in Prometheus's own classes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from dicom_node.ledger import Figures, Place, Standing
from dicom_node.ledger.watching.counting import (
    BOUNDS_S,
    STEPS,
    SUM,
    UNBOUNDED,
    Key,
    Stage,
    Tally,
    labels_of,
)
from dicom_node.metrics import families
from dicom_node.metrics.families import Family
from dicom_node.ops.processes import PARTS
from dicom_node.skipping import CODES

#: A destination that the configuration does not name.
OTHER = "other"
_STATES = ("reached", "resting", "paused")
_Labels = tuple[str, ...]
_BY_JOB: Mapping[Tally, tuple[Family, Collection[str]]] = {
    Tally.ARRIVALS: (families.ARRIVALS, labels_of(Tally.ARRIVALS)),
    Tally.OUTCOMES: (families.OUTCOMES, labels_of(Tally.OUTCOMES)),
    Tally.SKIPS: (families.SKIPS, CODES),
    Tally.JOB_RETRIES: (families.JOB_RETRIES, labels_of(Tally.JOB_RETRIES)),
}
_BY_DESTINATION: Mapping[Tally, Family] = {
    Tally.DELIVERIES: families.DELIVERIES,
    Tally.DELIVERY_RETRIES: families.OUTPUT_RETRIES,
    Tally.REDELIVERIES: families.REDELIVERIES,
}
_KINDS = {"instances": "received", "outputs": "built"}


class Told:
    """All that is told of one moment. `known`: destinations that are; None: nobody says."""

    def __init__(
        self, figures: Figures, totals: Mapping[Key, float], known: Collection[str] | None
    ):
        self._figures = figures
        self._totals = totals
        self._known = known

    def metrics(self) -> Iterator[Metric]:
        yield gauge(families.LEDGER_UP, {(): 1.0})
        yield from self._depths()
        yield from self._standings()
        yield from self._processes()
        yield from self._counts()
        yield from self._durations()

    def _name(self, destination: str) -> str:
        is_known = self._known is None or destination in self._known or not destination
        return destination if is_known else OTHER

    def _depths(self) -> Iterator[Metric]:
        known = {(place, name) for place in list(Place)[2:] for name in self._known or ()}
        counts: dict[_Labels, float] = dict.fromkeys(known, 0.0)
        oldest: dict[_Labels, float] = dict.fromkeys(known, 0.0)
        for one in self._figures.depths:
            labels = one.place.value, self._name(one.destination)
            counts[labels] = counts.get(labels, 0.0) + one.count
            oldest[labels] = max(oldest.get(labels, 0.0), one.oldest_s)
        yield gauge(families.BACKLOG, counts)
        yield gauge(families.OLDEST, oldest)
        dead: dict[_Labels, float] = {}
        for letter in self._figures.dead:
            of = self._name(letter.destination), letter.state.lower()
            for age, number in (("day", letter.lately), ("older", letter.count - letter.lately)):
                dead[*of, age] = dead.get((*of, age), 0.0) + number
        yield gauge(families.DEAD_LETTERS, dead)
        asked: dict[_Labels, float] = {}
        for archive in self._figures.given_up:
            name = self._name(archive.destination)
            for age, number in (("day", archive.lately), ("older", archive.count - archive.lately)):
                asked[name, age] = asked.get((name, age), 0.0) + number
        yield gauge(families.GIVEN_UP, asked)
        if self._figures.last_arrival_at is not None:
            yield gauge(families.LAST_ARRIVAL, {(): self._figures.last_arrival_at.timestamp()})
        drifting = {one.device for one in self._figures.drifts}
        yield gauge(families.DRIFT, {(): float(len(drifting))})

    def _standings(self) -> Iterator[Metric]:
        now, names = self._figures.at, self._known
        standings = self._figures.standings
        shown = {name: standings.get(name, Standing(name)) for name in names or standings}
        states: dict[_Labels, float] = {
            (name, state): float(state == _state(one, now))
            for name, one in shown.items()
            for state in _STATES
        }
        yield gauge(families.BREAKER, states)
        away: dict[_Labels, float] = {
            (name,): 0.0 if one.reachable or one.since is None else _seconds(one.since, now)
            for name, one in shown.items()
        }
        yield gauge(families.UNREACHABLE, away)
        paused: dict[_Labels, float] = {
            (name,): _seconds(one.paused_at, now) if one.paused_at and one.is_paused(now) else 0.0
            for name, one in shown.items()
        }
        yield gauge(families.PAUSED, paused)

    def _processes(self) -> Iterator[Metric]:
        parts: dict[_Labels, float] = {(part,): 0.0 for part in PARTS}
        engines: dict[_Labels, float] = {}
        fullest: dict[_Labels, tuple[float, float]] = {}
        for one in self._figures.living:
            if (one.part,) in parts:
                parts[one.part,] += 1
            if one.engine:
                engines[one.engine,] = engines.get((one.engine,), 0.0) + 1
            if one.gpu_used_bytes is not None and one.gpu_size_bytes:
                memory = float(one.gpu_used_bytes), float(one.gpu_size_bytes)
                had = fullest.get((one.host,), (0.0, 1.0))
                fullest[one.host,] = max(had, memory, key=lambda of: of[0] / of[1])
        yield gauge(families.WORKERS, parts)
        yield gauge(families.ENGINE, engines)
        yield gauge(families.GPU_USED, {host: used for host, (used, _) in fullest.items()})
        yield gauge(families.GPU_SIZE, {host: size for host, (_, size) in fullest.items()})

    def _counts(self) -> Iterator[Metric]:
        for tally, (family, codes) in _BY_JOB.items():
            found: dict[_Labels, float] = {(code,): 0.0 for code in codes}
            for (code, _), value in self._of(tally):
                found[code,] = found.get((code,), 0.0) + value
            yield counter(family, found)
        yield counter(families.REPUBLISHED, {(): sum(v for _, v in self._of(Tally.REPUBLISHED))})
        for tally, family in _BY_DESTINATION.items():
            codes = labels_of(tally)
            found = {(name, code): 0.0 for name in self._known or () for code in codes}
            for (destination, code), value in self._of(tally):
                labels = self._name(destination), code
                found[labels] = found.get(labels, 0.0) + value
            yield counter(family, found)
        bytes_of = {kind: self._totals.get((Tally.BYTES, table, ""), 0.0)
                    for table, kind in _KINDS.items()}  # fmt: skip
        yield gauge(families.SPOOL, {(kind,): max(0.0, n) for kind, n in bytes_of.items()})

    def _durations(self) -> Iterator[Metric]:
        for tally, family, labels in ((Tally.STAGE, families.STAGE, [*Stage]),
                                      (Tally.STEP, families.STEP, STEPS)):  # fmt: skip
            found = HistogramMetricFamily(family.name, family.words, labels=family.labels)
            for label in labels:
                of = {bound: value for (name, bound), value in self._of(tally) if name == label}
                found.add_metric([str(label)], _cumulative(of), of.get(SUM, 0.0))
            yield found

    def _of(self, tally: Tally) -> Iterable[tuple[tuple[str, str], float]]:
        return [((a, b), value) for (name, a, b), value in self._totals.items() if name == tally]


def gauge(family: Family, values: Mapping[_Labels, float]) -> Metric:
    return _filled(GaugeMetricFamily, family, values)


def counter(family: Family, values: Mapping[_Labels, float]) -> Metric:
    return _filled(CounterMetricFamily, family, values)


def _filled(
    make: Callable[..., GaugeMetricFamily | CounterMetricFamily],
    family: Family,
    values: Mapping[_Labels, float],
) -> Metric:
    made = make(family.name, family.words, labels=family.labels)
    for labels, value in values.items():
        made.add_metric([str(label) for label in labels], value)
    return made


def _cumulative(of: Mapping[str, float]) -> list[tuple[str, float]]:
    """Each bucket with all below it."""
    so_far, buckets = 0.0, []
    for bound in (*(f"{bound:g}" for bound in BOUNDS_S), UNBOUNDED):
        so_far += of.get(bound, 0.0)
        buckets.append((bound, so_far))
    return buckets


def _state(standing: Standing, now: datetime) -> str:
    if standing.is_paused(now):
        return "paused"
    return "resting" if standing.is_resting(now) or not standing.reachable else "reached"


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
