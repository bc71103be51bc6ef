"""Review: what a reader should look at next, its picture, and a click that says what is right."""

from collections import Counter
from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from dicom_node.errors import UsageError
from dicom_node.ledger import Verdict
from dicom_node.ops.asked.differences import name_of
from dicom_node.ops.asked.review import Need, queue
from dicom_node.page.access.visit import Visit
from dicom_node.page.views.job import id_of, may_draw, note_look, picture_of, report_of
from dicom_node.page.views.words import VERDICTS

#: How far back images are shown, and how many are looked through.
WITHIN = timedelta(days=28)
MOST = 10_000
#: Of what a reader writes beside a verdict.
_NOTE = 500


def review(visit: Visit) -> Response:
    """The one that is most wanted; `?job=` another one."""
    ledger = visit.node.ledger
    waiting = queue(ledger.assessments.since(ledger.now() - WITHIN, MOST), visit.visitor.name)
    wanted = visit.query.get("job", "")
    chosen = next((one for one in waiting if str(one.image.job_id) == wanted), None)
    shown = chosen or next(iter(waiting), None)
    job = ledger.jobs.get(shown.image.job_id) if shown else None
    outputs = ledger.lookups.outputs(job.id) if job else []
    if job:
        note_look(visit, job, is_more=True)
    others = ledger.shadows.of_job(job.id) if job else []
    counts = Counter(one.need for one in waiting)
    return visit.page(
        "review.html",
        shown=shown,
        job=job,
        findings=ledger.findings.of_job(job.id) if job else None,
        picture=picture_of(outputs),
        others=others,
        sent=next((one for one in others if one.has_picture), None),
        name_of=name_of,
        report=report_of(visit, outputs),
        counts=[(need.value, counts[need]) for need in Need if counts[need]],
        waiting=len(waiting),
        days=WITHIN.days,
        verdicts=VERDICTS,
        may_draw=job is not None and may_draw(visit, job, outputs),
    )


def assess(visit: Visit) -> Response:
    """Keep what the reader says, and show the next; from a job's own page, that again."""
    job_id, best = id_of(visit), visit.form.get("best", "")
    said = Verdict.OTHER.value if best else visit.form.get("verdict", "")
    if said not in [one.value for one in Verdict]:
        raise UsageError("there is no such verdict")
    ledger = visit.node.ledger
    if best and best not in [one.pipeline for one in ledger.shadows.of_job(job_id)]:
        raise UsageError("that pipeline was not tried on what the node found last")
    note = visit.form.get("note", "").strip()[:_NOTE]
    visit.note("assessed", f"job {job_id}", f"{said} {best[:12]}".strip())
    ledger.assessments.keep(job_id, visit.visitor.name, Verdict(said), note, best)
    visit.tell(f"Job {job_id}: {VERDICTS[Verdict(said)][0].lower()}.")
    is_from_job = visit.form.get("back", "") == "job"
    return RedirectResponse(f"/jobs/{job_id}#said" if is_from_job else "/review", 303)
