"""Destinations: how each stands, and what a person does about one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import RedirectResponse, Response

from dicom_node.config import AnyDestination, Config, PortDestination
from dicom_node.errors import DestinationUnavailable, NodeError, UsageError
from dicom_node.ledger import (
    ARRIVED,
    Declined,
    DeliveryState,
    DestinationRecord,
    GivenUp,
    Ledger,
    Standing,
)
from dicom_node.network.tls import Certificate, Files, certificates
from dicom_node.ops.asked import destinations as asked
from dicom_node.ops.remedies import certificate_remedy
from dicom_node.ops.running import known_destinations
from dicom_node.ops.standing import declined_words, given_up_words, silence_words, standing_words
from dicom_node.page.access.visit import Visit

#: What a pause may last, by the value of the form; "": until it is resumed.
PAUSES = {"1": "1 hour", "4": "4 hours", "24": "a day", "": "until resumed"}
_SEEN = (DeliveryState.REFUSED, DeliveryState.GIVEN_UP, DeliveryState.DEAD)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination as it is shown."""

    name: str
    address: str
    state: str  #: ok, silent, resting, not reached, paused, declining, refusing, not configured
    words: str
    next_at: datetime | None  #: when it is tried next; None: now, or when a person says so
    waiting: int
    oldest_at: datetime | None
    unverified: int
    held: int  #: as it is silent: nothing is sent there
    refused: int
    last_delivered_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    to_do: str
    expires_at: datetime | None  #: the first of the certificates that it is spoken to with
    is_paused: bool


def places(config: Config, ledger: Ledger) -> list[Place]:
    """All that are configured or that anything was ever built for, by name."""
    known, now = known_destinations(config), ledger.now()
    records = {record.name: record for record in ledger.destinations.all()}
    for name in known or ():
        records.setdefault(name, DestinationRecord(name, {}, None, None, Standing(name)))
    settings = {one.name: one for one in config.destinations}
    declined = ledger.pace.declined()
    given_up = ledger.inquiries.given_up_by_destination()
    found = []
    for name, record in sorted(records.items()):
        is_known = known is None or name in known
        archive = given_up.get(name)
        found.append(_place(record, settings.get(name), declined.get(name), archive, is_known, now))
    return found


def _place(
    record: DestinationRecord,
    settings: AnyDestination | None,
    declined: Declined | None,
    given_up: GivenUp | None,
    is_known: bool,
    now: datetime,
) -> Place:
    standing, counts = record.standing, record.counts
    has_delivered = any(counts.get(state) for state in ARRIVED)
    error = standing.last_error or ""
    opens = standing.opens_at(now)
    said = [standing_words(standing, now, has_delivered=has_delivered)]
    if declined:
        said.append(declined_words(declined))
    if given_up:
        said.append(given_up_words(given_up))
    said += [silence_words(record.name, record.silence)] if record.silence else []
    refused = sum(counts.get(state, 0) for state in _SEEN)
    return Place(
        name=record.name,
        address=settings.address if settings else "",
        state="silent"
        if settings and settings.silent
        else _state(standing, is_known, bool(refused), bool(declined), now),
        words="; ".join(filter(None, said)),
        next_at=opens if opens and opens > now else None,
        waiting=counts.get(DeliveryState.WAITING, 0) + counts.get(DeliveryState.DAMAGED, 0),
        oldest_at=record.oldest_waiting_at,
        held=counts.get(DeliveryState.HELD, 0),
        unverified=counts.get(DeliveryState.UNVERIFIED, 0),
        refused=refused,
        last_delivered_at=record.last_delivered_at,
        last_error=declined.reason if declined else error,
        last_error_at=None if declined else standing.last_error_at,
        to_do="" if standing.reachable else certificate_remedy(record.name, error),
        expires_at=min(_expiries(settings), default=None),
        is_paused=standing.is_paused(now),
    )


def _state(
    standing: Standing, is_known: bool, has_refused: bool, declines: bool, now: datetime
) -> str:
    if not is_known:
        return "not configured"
    if standing.is_paused(now):
        return "paused"
    if not standing.reachable:
        return "not reached"
    if standing.is_resting(now):
        return "resting"
    if declines:
        return "declining"
    return "refusing" if has_refused else "ok"


def _expiries(settings: AnyDestination | None) -> Iterator[datetime]:
    if isinstance(settings, PortDestination) and settings.tls:
        files = Files(settings.certificate, settings.key, settings.trusted, settings.revoked)
        try:
            found = certificates(files)
        except UsageError:
            # The verdict says so.
            return
        yield from (one.expires_at for one in found if isinstance(one, Certificate))


def act(visit: Visit) -> Response:
    """Pause, resume, echo or try the destination of the form; then the page it came from."""
    name, what = visit.form.get("name", ""), visit.params["what"]
    node = visit.node
    if what == "pause":
        until = _until(node.ledger, visit.form.get("hours", ""))
        why = visit.form.get("why", "").strip()[:200]
        visit.note("pause", name, why)
        said = asked.pause(node.config, node.ledger, name, visit.by, why, until)
    elif what == "resume":
        visit.note("resume", name)
        said = f"resumed; {asked.resume(node.ledger, name, visit.by)}"
    else:
        said = _asked(visit, what, name)
    node.forget()
    visit.tell(f"{name}: {said}")
    job = visit.form.get("job", "")
    return RedirectResponse(f"/jobs/{job}" if job.isdecimal() else "/#destinations", 303)


def _asked(visit: Visit, what: str, name: str) -> str:
    node = visit.node
    visit.note(what, name)
    call = node.config, node.ledger, name, visit.by, node.spool
    try:
        return asked.ask(*call) if what == "echo" else asked.attempt(*call).words
    except DestinationUnavailable as exc:
        return str(exc).removeprefix(f"{name}: ")


def _until(ledger: Ledger, hours: str) -> datetime | None:
    if hours not in PAUSES:
        raise NodeError("a pause lasts as long as the form says")
    return ledger.now() + timedelta(hours=int(hours)) if hours else None
