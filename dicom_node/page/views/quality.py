"""Quality: what the networks say of each device's images, this week beside the weeks before;
and how far readers who corrected them agree.
"""

from starlette.responses import Response

from dicom_node.ops.asked.agreement import by_month
from dicom_node.ops.asked.shifts import drifts
from dicom_node.page.access.visit import Visit

#: Seconds for which it is the same for all who look: days change slowly.
_STANDS_S = 60.0
#: Cautions that are named, the most frequent.
_CAUTIONS = 3


def quality(visit: Visit) -> Response:
    ledger = visit.node.ledger
    found = visit.node.once_in(_STANDS_S, "quality", lambda: drifts(ledger, ledger.now()))
    agreed = visit.node.once_in(
        _STANDS_S, "agreement", lambda: by_month(ledger.corrections.latest())
    )
    return visit.page(
        "quality.html",
        drifts=found,
        months=agreed,
        cautions={one.device: one.now.cautions.most_common(_CAUTIONS) for one in found},
    )
