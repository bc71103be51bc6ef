"""How the node stands at a glance: verdict, stages, destinations, senders, workers, what failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from dicom_node.ledger import Day, Ledger, Stage, Stages, WorkerRecord
from dicom_node.ops.asked.senders import WINDOW, Sender, senders
from dicom_node.ops.days import midnights
from dicom_node.ops.monitor import Limits, Look, Verdict
from dicom_node.ops.processes import PARTS
from dicom_node.ops.wording import age, numbered
from dicom_node.page.access.visit import Visit
from dicom_node.page.site.node import Node
from dicom_node.page.site.readiness import stuck_after_s, stuck_jobs
from dicom_node.page.views.destinations import Place, places
from dicom_node.page.views.troubles import troubles

#: Seconds for which what is shown is the same for all who look.
_NOW_S, _SLOW_S = 2.0, 15.0
#: As `status --check` has it, where nobody says otherwise.
MAX_WAIT_S = 300.0
#: The drawings: so many spans of so long.
_SPANS, _SPAN = 36, timedelta(minutes=10)
#: What "a minute" is measured over.
_RECENTLY = timedelta(minutes=10)
#: States of a destination that nothing is sent to.
_STOPPED = ("not reached", "paused", "resting", "not configured")
_WORDS = {
    Verdict.OK: "Working",
    Verdict.WARNING: "Degraded",
    Verdict.CRITICAL: "Stopped",
    Verdict.UNKNOWN: "Unknown",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One stage in the table."""

    name: str
    of: str  #: what is counted
    stage: Stage | None  #: None: nothing waits here, things only come
    per_minute: float
    history: Sequence[int]  #: what passed it, by span
    to_empty_s: float | None  #: None: nothing waits, or nothing goes
    #: For ten minutes nothing has passed, and as long something has waited that could.
    stands_still: bool = False


@dataclass(frozen=True, slots=True)
class Today:
    """What came since midnight, as it stands now."""

    day: Day
    analysed: int
    undetermined: int
    median_s: float | None  #: until the last result was stored
    slow_s: float | None  #: of twenty, nineteen were faster


def overview(visit: Visit) -> Response:
    node = visit.node
    ledger, now = node.ledger, node.ledger.now()
    limits = Limits(MAX_WAIT_S, 0, now - timedelta(days=1))
    look = node.once_in(_NOW_S, "look", lambda: Look.at(node.config, ledger, limits.since))
    stuck = stuck_jobs(ledger, look, stuck_after_s(node))
    shown = _places(node)
    rows = _rows(node, shown)
    verdict = Verdict.CRITICAL if stuck else _verdict(look, limits, shown)
    still = [row for row in rows if row.stands_still]
    verdict = max(verdict, Verdict.WARNING) if still else verdict
    summary = node.once_in(_NOW_S, "summary", ledger.reports.summary)
    return visit.page(
        "overview.html",
        now=now,
        verdict=_WORDS[verdict],
        reasons=_reasons(look, limits, verdict, stuck, shown, still),
        oldest_s=look.backlog.oldest_s,
        waiting=look.backlog.jobs.count + look.backlog.deliveries.count,
        today=node.once_in(_SLOW_S, "today", lambda: _today(ledger)),
        rows=rows,
        spans=_SPANS,
        places=shown,
        alerts=node.once_in(_NOW_S, "alerts", ledger.alerts.on),
        troubles=troubles(summary) if visit.may("view") else [],
        senders=_senders(node),
        parts=PARTS,
        processes=look.processes,
        held=_held_s(ledger, look.processes),
        stuck={job_id for _, job_id, _ in stuck},
        deaths=node.once_in(_SLOW_S, "deaths", lambda: ledger.pace.deaths(limits.since)),
        disk=look.disk,
    )


def _verdict(look: Look, limits: Limits, shown: Sequence[Place]) -> Verdict:
    """As `status --check` has it, but for two things that it leaves to who looks closer: one of
    several destinations that has been away for long is no end of the node; and that one is away is
    worth a word before anything has waited for long.
    """
    verdict = look.verdict(limits)
    is_work_done = not look.dead and look.backlog.jobs.oldest_s <= limits.max_wait_s
    if verdict is Verdict.CRITICAL and is_work_done and not look.disk.is_full:
        verdict = Verdict.WARNING if any(one.state == "ok" for one in shown) else verdict
    if any(place.state not in ("ok", "silent", "not configured") for place in shown):
        verdict = max(verdict, Verdict.WARNING)
    return verdict


def _reasons(
    look: Look,
    limits: Limits,
    verdict: Verdict,
    stuck: Sequence[tuple[str, int, float]],
    shown: Sequence[Place],
    still: Sequence[Row],
) -> list[str]:
    hangs = [f"{who} has had job {job_id} for {held:.0f} s" for who, job_id, held in stuck]
    if verdict is Verdict.OK:
        return ["all parts are alive, and nothing has waited for long"]
    declines = [f"{place.name} is {place.state}" for place in shown
                if place.state in ("declining", "refusing", "resting")]  # fmt: skip
    stays = [_still_words(row) for row in still]
    # What is well is no reason.
    return [
        *hangs,
        *stays,
        *declines,
        *(said for said in look.in_words(limits) if not said.startswith("0 ")),
    ]


def _still_words(row: Row) -> str:
    count, oldest_s = (row.stage.waiting, row.stage.oldest_s) if row.stage else (0, 0.0)
    what = numbered(count, row.of.removesuffix("s"), row.of)
    return f"{row.name.lower()} stands still: {what} for {age(oldest_s)}"


def _today(ledger: Ledger) -> Today:
    (midnight,) = midnights(ledger.now(), 1)
    (day,) = ledger.counts.days([midnight])
    decided = ledger.pace.decisions(midnight)
    took = ledger.pace.turnarounds_s(midnight)
    return Today(
        day,
        sum(decided.values()),
        decided.get("undetermined", 0),
        _quantile(took, 0.5),
        _quantile(took, 0.95),
    )


def _quantile(rising: Sequence[float], share: float) -> float | None:
    return rising[min(len(rising) - 1, int(share * len(rising)))] if rising else None


def _rows(node: Node, shown: Sequence[Place]) -> list[Row]:
    ledger = node.ledger
    stages: Stages = node.once_in(_NOW_S, "stages", ledger.pace.stages)
    now = ledger.now()
    begin = [now - ago * _SPAN for ago in range(_SPANS, 0, -1)]
    past = node.once_in(_SLOW_S, "past", lambda: ledger.pace.flow(begin))
    lately = node.once_in(_NOW_S, "lately", lambda: ledger.pace.flow([now - _RECENTLY]))
    # What waits for a destination that nothing is sent to goes at no pace.
    stopped = sum(one.waiting for one in shown if one.state in _STOPPED)
    rows = [
        _row("Received", "images", None, past.received, lately.received),
        _row("Analysis", "images", stages.analysis, past.analysed, lately.analysed),
        _row("Delivery", "results", stages.delivery, past.stored, lately.stored, stopped),
    ]
    if any(to.verify != "none" for to in node.config.destinations) or stages.verification.waiting:
        confirmed = past.confirmed, lately.confirmed
        rows.append(_row("Verification", "results", stages.verification, *confirmed))
    return rows


def _row(
    name: str,
    of: str,
    stage: Stage | None,
    history: Sequence[int],
    lately: Sequence[int],
    stopped: int = 0,
) -> Row:
    """`stopped`: of what waits, that for which nothing can pass."""
    per_minute = sum(lately) / (_RECENTLY.total_seconds() / 60)
    waits = max(0, stage.waiting - stopped) if stage else 0
    to_empty_s = 60 * waits / per_minute if waits and per_minute else None
    is_old = stage is not None and stage.oldest_s > _RECENTLY.total_seconds()
    is_still = is_old and waits > 0 and not per_minute
    return Row(name, of, stage, per_minute, history, to_empty_s, is_still)


def _places(node: Node) -> list[Place]:
    return node.once_in(_NOW_S, "places", lambda: places(node.config, node.ledger))


def _senders(node: Node) -> list[Sender]:
    def ask() -> list[Sender]:
        now = node.ledger.now()
        hours = node.config.alerts.working_hours
        return senders(node.ledger.pace.arrivals(now - WINDOW), now, hours)

    return node.once_in(_SLOW_S, "senders", ask)


def _held_s(ledger: Ledger, processes: Sequence[WorkerRecord]) -> dict[int, float]:
    """How long each job has been in a worker's hand."""
    held = {}
    for job_id in (job_id for record in processes for job_id in record.job_ids):
        if job := ledger.jobs.get(job_id):
            held[job_id] = (ledger.now() - job.updated_at).total_seconds()
    return held
