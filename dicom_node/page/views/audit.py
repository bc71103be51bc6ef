"""Who did what on the page."""

from starlette.responses import Response

from dicom_node.page.access.visit import Visit
from dicom_node.page.site.audit import FILE

_SHOWN = 200


def audit(visit: Visit) -> Response:
    return visit.page("audit.html", records=visit.audit.latest(_SHOWN), file=FILE, shown=_SHOWN)
