"""Every metric there is: name, what it means, its labels. All labels are of closed sets.

A destination that is not configured any more is `other`; nothing names a person, a study or an
instance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; of a counter without `_total`, of a histogram without `_bucket`."""

    name: str
    kind: Kind
    words: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """Its names in a query."""
        if self.kind is Kind.COUNTER:
            return (f"{self.name}_total",)
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def _gauge(name: str, words: str, *labels: str) -> Family:
    return Family(f"cxr_{name}", Kind.GAUGE, words, labels)


def _counter(name: str, words: str, *labels: str) -> Family:
    return Family(f"cxr_{name}", Kind.COUNTER, words, labels)


def _histogram(name: str, words: str, *labels: str) -> Family:
    return Family(f"cxr_{name}", Kind.HISTOGRAM, words, labels)


LEDGER_UP = _gauge("ledger_up", "1: the ledger answered in time; 0: only what is below it is told.")

BACKLOG = _gauge(
    "backlog_items",
    "Images (waiting, analysis) and results (delivery, rebuild, verification) on their way.",
    "place", "destination",
)  # fmt: skip
OLDEST = _gauge(
    "backlog_oldest_seconds",
    "Since the image came that has been there longest, or was asked for; 0: there is none.",
    "place", "destination",
)  # fmt: skip
DEAD_LETTERS = _gauge(
    "dead_letters_items",
    "Images that failed, and results that were refused, given up, lost or never confirmed, and that"
    " nobody has seen to; age: within a day, or older.",
    "destination", "state", "age",
)  # fmt: skip
GIVEN_UP = _gauge(
    "inquiries_given_up_items",
    "Questions for a patient's earlier radiographs that an archive is asked no more; age: within a"
    " day, or older.",
    "destination", "age",
)  # fmt: skip
LAST_ARRIVAL = _gauge("arrival_last_timestamp_seconds", "When the last image came, Unix time.")

BREAKER = _gauge(
    "breaker_state",
    "1: how the destination stands: reached, resting after failures, or paused by a person.",
    "destination", "state",
)  # fmt: skip
UNREACHABLE = _gauge(
    "breaker_unreachable_seconds", "How long it has not been reached; 0: it is.", "destination"
)
PAUSED = _gauge(
    "breaker_paused_seconds", "How long it has been paused; 0: it is not.", "destination"
)

WORKERS = _gauge("workers_processes", "Processes that are alive, on all hosts.", "part")
ENGINE = _gauge("engine_processes", "Workers that are alive, by what they run on.", "engine")
GPU_USED = _gauge(
    "gpu_used_bytes", "In use, on the fullest GPU that a worker of the host has.", "host"
)
GPU_SIZE = _gauge("gpu_size_bytes", "All there is on that GPU.", "host")

SPOOL = _gauge("spool_bytes", "Of files in the spool, as the ledger has them.", "kind")
DISK_FREE = _gauge("spool_free_bytes", "Free on the spool's disk.")
DISK_SIZE = _gauge("spool_disk_bytes", "All there is on the spool's disk.")
DISK_RESERVE = _gauge("spool_reserve_bytes", "With less free than this, nothing is received.")
CERTIFICATE = _gauge(
    "certificate_left_seconds", "Until the first of this host's certificates expires."
)

DRIFT = _gauge(
    "drift_devices", "Whose images have become otherwise, as the look of each day finds them."
)

ARRIVALS = _counter("arrivals_instances", "Instances received, by how known they were.", "known")
OUTCOMES = _counter("outcomes_jobs", "How the analysis ended.", "outcome")
SKIPS = _counter("skips_jobs", "Instances that were not to be analysed, and why.", "reason")
JOB_RETRIES = _counter("retries_jobs", "Images that went back to wait for a worker.", "reason")
REPUBLISHED = _counter("republications_jobs", "Ids that the broker was given again.")
DELIVERIES = _counter(
    "deliveries_outputs", "What became of results at a destination.", "destination", "status"
)
OUTPUT_RETRIES = _counter(
    "retries_outputs", "Attempts after which a result is sent again.", "destination", "reason"
)
REDELIVERIES = _counter(
    "redeliveries_outputs",
    "Results sent again that had got there, or had ended: missing there, or asked by a person.",
    "destination", "reason",
)  # fmt: skip

STAGE = _histogram("stage_seconds", "Of an image, or a result, in each stage.", "stage")
STEP = _histogram("step_seconds", "Of one analysis, in each of its steps.", "step")

FAMILIES = tuple(value for value in dict(globals()).values() if isinstance(value, Family))
#: The metric that a name in a query is of.
BY_SERIES: Mapping[str, Family] = {name: one for one in FAMILIES for name in one.series}
