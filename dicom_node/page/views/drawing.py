"""Drawing: a radiograph with the node's masks, to be corrected with a brush and kept."""

import secrets
from base64 import b64decode
from binascii import Error as NoBase64

from starlette.responses import Response

from dicom_node.errors import NodeError, UsageError
from dicom_node.ledger import Job
from dicom_node.page.access.guard import LARGEST_DRAWING
from dicom_node.page.access.visit import Visit
from dicom_node.page.views.job import id_of, note_look

#: Where a reader goes on, by where they came from.
_BACK = {"review": "/review?job={}", "job": "/jobs/{}#readers"}
_LONGEST_NAME = 64


def editor(visit: Visit) -> Response:
    """The editor; `?back=review`: it was opened there."""
    job = _job_of(visit)
    note_look(visit, job, is_more=True)
    sheet = visit.node.desk.sheet(visit.node.ledger, job.id, visit.visitor.name)
    return visit.page(
        "draw.html",
        job=job,
        sheet=sheet,
        back=visit.query.get("back", "") if visit.query.get("back") in _BACK else "job",
        editor=secrets.token_hex(16),
        most=LARGEST_DRAWING,
    )


def radiograph(visit: Visit) -> Response:
    job = _job_of(visit)
    note_look(visit, job, is_more=True)
    return Response(visit.node.desk.picture(job), media_type="image/webp")


def masks(visit: Visit) -> Response:
    job, basis = _job_of(visit), visit.query.get("basis", "")
    found = visit.node.desk.masks(visit.node.ledger, job.id, visit.visitor.name, basis)
    return Response(found, media_type="image/png")


def keep(visit: Visit) -> Response:
    """Take in what was drawn; 201 with where to go on, or a page that says why not."""
    job, form = _job_of(visit), visit.form
    name = form.get("editor", "")[:_LONGEST_NAME]
    try:
        png = b64decode(form.get("masks", ""), validate=True)
    except (NoBase64, ValueError) as exc:
        raise UsageError("what was drawn cannot be read") from exc
    visit.note("drew", f"job {job.id}")
    node = visit.node
    kept = node.desk.keep(node.ledger, job.id, visit.visitor.name, png, form.get("basis", ""), name)
    visit.tell(f"What you drew is kept as job {kept}, and is being counted.")
    back = _BACK.get(form.get("back", ""), _BACK["job"])
    return Response(status_code=201, headers={"Location": back.format(job.id)})


def _job_of(visit: Visit) -> Job:
    job = visit.node.ledger.jobs.get(id_of(visit))
    if job is None:
        raise NodeError("there is no such job")
    return job
