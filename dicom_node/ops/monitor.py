"""`cxr-node status --check`: the node in one line and an exit code, as Nagios asks its plugins.

Two things are worth being told. Nothing comes out any more: CRITICAL, somebody must look now. One
image ended without a result and the others come out: WARNING, it can wait until the morning.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Self

from dicom_node.config import Config
from dicom_node.errors import LedgerUnavailable, NodeError
from dicom_node.ledger import Backlog, Ledger, WorkerRecord
from dicom_node.ops.certificates import certificate_warnings
from dicom_node.ops.processes import dead_parts
from dicom_node.ops.retention import Disk
from dicom_node.ops.running import known_destinations
from dicom_node.ops.standing import silence_words
from dicom_node.ops.status import open_existing
from dicom_node.ops.wording import age, line, moment


class Verdict(IntEnum):
    """The exit code, as the Monitoring Plugins' guidelines number them."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    #: It cannot be said: not a matter of the node, but of how it was asked.
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still well."""

    max_wait_s: float  #: an image, or a result on its way, may have been waiting this long
    max_failed: int  #: images that may have ended badly
    since: datetime  #: only those that did since

    @property
    def window(self) -> str:
        """`24 h`, for the line."""
        hours = (datetime.now(UTC) - self.since).total_seconds() / 3600
        return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


@dataclass(frozen=True, slots=True)
class Look:
    """What there was to see of the node at one moment; what it means is said from this alone."""

    backlog: Backlog
    processes: tuple[WorkerRecord, ...]
    dead: tuple[str, ...]  #: parts of which none is alive on any host
    stopped: tuple[str, ...]  #: destinations nothing is sent to, in words
    warned: tuple[str, ...]  #: of certificates, and of destinations that report nothing
    disk: Disk

    @classmethod
    def at(cls, config: Config, ledger: Ledger, since: datetime) -> Self:
        """At the node now; raises LedgerUnavailable. `since`: what failed before does not count."""
        processes = tuple(ledger.workers.all())
        backlog = ledger.counts.backlog(since)
        silent = _silent(config, ledger)
        return cls(
            backlog,
            processes,
            tuple(dead_parts(processes)),
            tuple(_stopped(config, ledger)),
            (*certificate_warnings(config, datetime.now(UTC)), *silent),
            Disk.of(config),
        )

    def verdict(self, limits: Limits) -> Verdict:
        on_work = verdict_on(self.backlog, self.dead, limits)
        return max(on_work, verdict_on_surroundings(self.disk, self.warned))

    def in_words(self, limits: Limits) -> list[str]:
        """The worst first."""
        disks = [f"disk of the spool: {self.disk.words}"] if self.disk.is_low else []
        return [*disks, *self.warned, *_in_words(self, limits)]


def check_node(config: Config, limits: Limits) -> int:
    """Print the line; the exit code. A ledger that does not answer is CRITICAL: every C-STORE is
    answered 0xA700 meanwhile.
    """
    try:
        with closing(open_existing(config)) as ledger:
            look = Look.at(config, ledger, limits.since)
    except LedgerUnavailable as exc:
        return _say(Verdict.CRITICAL, [str(exc)])
    except NodeError as exc:
        return say_unknown(str(exc))
    return _say(look.verdict(limits), look.in_words(limits), _measured(look.backlog, limits))


def say_unknown(why: str) -> int:
    return _say(Verdict.UNKNOWN, [why])


def verdict_on(backlog: Backlog, dead: Collection[str], limits: Limits) -> Verdict:
    """`dead`: parts of which none is alive on any host."""
    if dead or backlog.oldest_s > limits.max_wait_s:
        return Verdict.CRITICAL
    bad = backlog.failed + backlog.refused + backlog.unverified
    return Verdict.WARNING if bad > limits.max_failed else Verdict.OK


def verdict_on_surroundings(disk: Disk, warned: Collection[str]) -> Verdict:
    """`warned`: what is said of certificates, and of destinations that report nothing."""
    if disk.is_full:
        return Verdict.CRITICAL
    return Verdict.WARNING if disk.is_low or warned else Verdict.OK


def _stopped(config: Config, ledger: Ledger) -> Iterator[str]:
    """Which destinations nothing is sent to; whether that matters, the waiting says."""
    now, known = ledger.now(), known_destinations(config)
    for standing in ledger.breakers.all():
        if known is not None and standing.name not in known:
            continue
        if standing.is_paused(now):
            yield f"{standing.name} is paused"
        elif not standing.reachable:
            since = f" since {moment(standing.since)}" if standing.since else ""
            yield f"{standing.name} is not reached{since}"


def _silent(config: Config, ledger: Ledger) -> Iterator[str]:
    """Which destinations report on no storage commitment."""
    known = known_destinations(config)
    for name, silence in ledger.verifications.silences().items():
        if known is None or name in known:
            yield silence_words(name, silence)


def _in_words(look: Look, limits: Limits) -> Iterator[str]:
    backlog = look.backlog
    if look.dead:
        yield f"nothing alive that does {', '.join(look.dead)}"
    waits = backlog.jobs.count + backlog.deliveries.count
    yield f"{waits} waiting"
    if waits:
        yield f"oldest {age(backlog.oldest_s)}"
    yield from look.stopped
    yield f"{backlog.failed} failed in {limits.window}"
    if backlog.refused:
        yield f"{backlog.refused} with a result refused"
    if backlog.unverified:
        yield f"{backlog.unverified} sent, unverified"


def _measured(backlog: Backlog, limits: Limits) -> str:
    """Performance data: label=value[unit];warning;critical."""
    waits = backlog.jobs.count + backlog.deliveries.count
    return (
        f" | waiting={waits} jobs={backlog.jobs.count} deliveries={backlog.deliveries.count}"
        f" oldest={backlog.oldest_s:.0f}s;;{limits.max_wait_s:g}"
        f" failed={backlog.failed};{limits.max_failed} refused={backlog.refused}"
        f" unverified={backlog.unverified}"
    )


def _say(verdict: Verdict, said: Sequence[str], measured: str = "") -> int:
    # A bar would begin the performance data.
    words = line(", ".join(said)).replace("|", "/")
    print(f"{verdict.name} - {words}{measured}")
    return verdict
