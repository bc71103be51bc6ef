"""Jobs: what came and how it stands, searched, and what is done to all that a search means."""

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from dicom_node.config import Role
from dicom_node.errors import SpoolUnavailable, UsageError
from dicom_node.ledger import Filter, JobState
from dicom_node.ops.asked.bulk import (
    MOST,
    NEED_A_REASON,
    ONE_BY_ONE,
    Action,
    Meant,
    do,
    meant,
)
from dicom_node.page.access.visit import Visit
from dicom_node.page.views.search import PAGE, SINCE, Search
from dicom_node.page.views.words import state_of
from dicom_node.patients import Patients

#: The tabs: value of `state`, and what it is called.
TABS = (
    ("", "All"),
    ("RECEIVED", "Waiting"),
    ("ANALYZING", "In work"),
    ("BUILT", "Analysed"),
    ("WAITING", "To be sent"),
    ("SENT", "To be verified"),
    ("FAILED", "Failed"),
    ("REFUSED", "Refused"),
    ("UNVERIFIED", "Unverified"),
    ("SKIPPED", "Skipped"),
    ("HELD", "Held"),
)
DECISIONS = ("positive", "negative", "undetermined")
#: Seconds for which counts are the same for all who look.
_COUNTS_S = 5.0
_NEEDED = {
    Action.REQUEUE: Role.OPERATE,
    Action.REDELIVER: Role.OPERATE,
    Action.RESEND: Role.OPERATE,
    Action.WITHDRAW: Role.ADMINISTER,
    Action.ANYWAY: Role.OPERATE,
}
WORDS = {
    Action.REQUEUE: ("Analyse again", "have {jobs} analysed again"),
    Action.REDELIVER: ("Deliver again", "have what is missing of {jobs} sent again"),
    Action.RESEND: ("Send once more", "have all results of {jobs} sent once more"),
    Action.WITHDRAW: ("Withdraw", "withdraw {jobs}: what has not got anywhere is stopped"),
    Action.ANYWAY: ("Analyse anyway", "have {jobs} analysed although it was refused"),
}


def jobs(visit: Visit) -> Response:
    search = Search.of(visit.query)
    ledger = visit.node.ledger
    asked = search.meant(ledger.now())
    found = ledger.lookups.jobs(asked, PAGE + 1)
    shown, counts = found[:PAGE], _counts(visit, search)
    return visit.page(
        "jobs.html",
        now=ledger.now(),
        search=search,
        tabs=_tabs(counts, search.state),
        lines=[(one, *state_of(one)) for one in shown],
        count=counts[search.state],
        older=search.with_(before=str(found[PAGE].id)).query if len(found) > PAGE else "",
        since=SINCE,
        decisions=DECISIONS,
        destinations=_destinations(visit, search),
        actions=[(action, WORDS[action][0]) for action in Action
                 if may(visit, action) and action not in ONE_BY_ONE],
    )  # fmt: skip


def _destinations(visit: Visit, search: Search) -> list[str]:
    """Those to choose from: what is configured, and what is asked for."""
    names = {one.name for one in visit.node.config.destinations} | {search.destination}
    return sorted(filter(None, names))


def _tabs(counts: Mapping[str, int], shown: str) -> list[tuple[str, str, int, bool]]:
    """Value, name, how many, whether it is the one that is shown."""
    return [
        (state, name, counts[state], state == shown)
        for state, name in TABS
        # Of a node that is not silent nothing is held, and never was.
        if state != "HELD" or counts[state]
    ]


def _counts(visit: Visit, search: Search) -> Mapping[str, int]:
    """By the value of each tab; "" is all of them."""
    ledger = visit.node.ledger
    whole = search.with_(state="", before="")

    def ask() -> Mapping[str, int]:
        found = ledger.lookups.tally(whole.meant(ledger.now()))
        return found | {"": sum(found[state] for state in JobState)}

    return visit.node.once_in(_COUNTS_S, ("counts", whole), ask)


def find(visit: Visit) -> Response:
    """To the jobs of an accession number, a Patient ID or a UID; the ID is in no URL."""
    text = visit.form.get("text", "").strip()[:128]
    ledger = visit.node.ledger
    patient = _patient_hash(visit, text)
    visit.audit.add(visit.visitor.name, visit.address, "searched")
    if not text:
        return RedirectResponse("/jobs", 303)
    for key, value in (("accession", text), ("study", text), ("patient", patient)):
        search = Search(**{key: value})
        if value and ledger.lookups.count(search.meant(ledger.now())):
            return RedirectResponse(f"/jobs{search.query}", 303)
    if ids := ledger.lookups.meant_by(text, patient):
        return RedirectResponse(f"/jobs/{ids[-1]}", 303)
    gone = ledger.pruning.purged([text], [text])
    said = "Nothing was found under that accession number, Patient ID or UID."
    if gone:
        said = (
            f"It was purged on {gone[0].at:%Y-%m-%d %H:%M}: its results are where they were sent."
        )
    visit.tell(said)
    return RedirectResponse("/jobs", 303)


def _patient_hash(visit: Visit, text: str) -> str:
    # A spool that is not there has no key, and looking for one is no reason to make it.
    if not visit.node.config.spool_folder.is_dir():
        return ""
    try:
        return Patients.of(visit.node.spool).hash(text)
    except SpoolUnavailable:
        return ""


def confirm(visit: Visit) -> Response:
    """How many jobs it would be, before anything is done."""
    action, search, ids = _asked(visit)
    ledger = visit.node.ledger
    asked = Filter(ids=ids) if ids else search.meant(ledger.now())
    return _confirm(visit, meant(ledger, asked, action))


def _confirm(visit: Visit, found: Meant, counted: int | None = None) -> Response:
    """`counted`: so many they were when it was confirmed, and now they are more."""
    action, search, ids = _asked(visit)
    count = len(found.job_ids)
    jobs_ = "1 job" if count == 1 else f"{count} jobs"
    return visit.page(
        "confirm.html",
        action=action,
        title=WORDS[action][0],
        words=WORDS[action][1].format(jobs=jobs_),
        count=count,
        counted=counted,
        found=found,
        needs_reason=action in NEED_A_REASON,
        refusal=_refusal(visit, action, ids),
        most=MOST,
        search=search.with_(before=str(found.newest)) if not ids else search,
        ids=ids,
        back=f"/jobs/{ids[0]}" if ids else f"/jobs{search.query}",
    )


def act(visit: Visit) -> Response:
    """What was confirmed, to as many jobs as were counted, or fewer."""
    action, search, ids = _asked(visit)
    node, why = visit.node, visit.form.get("why", "").strip()[:200]
    asked = Filter(ids=ids) if ids else search.meant(node.ledger.now())
    found = meant(node.ledger, asked, action)
    counted = visit.form.get("count", "")
    if counted.isdecimal() and len(found.job_ids) > int(counted[:9]):
        return _confirm(visit, found, int(counted[:9]))
    if action in ONE_BY_ONE and not found.job_ids:
        # Somebody was quicker.
        return _confirm(visit, found)
    if action in NEED_A_REASON and not why:
        raise UsageError("say why: it is kept with the job")
    about = f"job {ids[0]}" if ids else f"{len(found.job_ids)} jobs: {search.words}"
    visit.note(action, about, why)
    to = asked.destinations
    said = do(node.ledger, found.job_ids, action, node.pipeline(), visit.by, why, to)
    node.forget()
    visit.tell(said[0].upper() + said[1:] + ".")
    if ids:
        return RedirectResponse(f"/jobs/{ids[0]}", 303)
    return RedirectResponse(f"/jobs{search.with_(before='').query}", 303)


def _asked(visit: Visit) -> tuple[Action, Search, list[int]]:
    """What is to be done; the jobs by a search, or by its number one."""
    try:
        action = Action(visit.form.get("action", ""))
    except ValueError:
        raise UsageError("there is no such action") from None
    if not may(visit, action):
        raise UsageError("your role does not allow this")
    number = visit.form.get("job", "")
    if not number and action in ONE_BY_ONE:
        raise UsageError("this is asked of one job at a time")
    if not number:
        return action, Search.of(visit.form), []
    if not (number.isdecimal() and len(number) < 19):
        raise UsageError("that is no number of a job")
    return action, Search(), [int(number)]


def _refusal(visit: Visit, action: Action, ids: list[int]) -> str:
    """Why one that is to be analysed all the same was refused."""
    job = visit.node.ledger.jobs.get(ids[0]) if action is Action.ANYWAY else None
    return (job.reason if job else None) or ""


def may(visit: Visit, action: Action) -> bool:
    """Whether the role of who looks allows it."""
    return visit.visitor.role >= _NEEDED[action]
