"""Quality: what the networks say of each device's images, this week beside the weeks before, and
which devices drift; and how far readers who corrected them agree.
"""

from starlette.responses import Response

from dicom_node.ledger import Ledger
from dicom_node.ops.asked.agreement import by_month
from dicom_node.ops.asked.review import Choice, Readers, choices, readers
from dicom_node.ops.asked.shifts import weeks_of
from dicom_node.page.access.visit import Visit
from dicom_node.page.views.review import MOST, WITHIN
from dicom_node.page.views.words import VERDICTS

#: Seconds for which it is the same for all who look: days change slowly.
_STANDS_S = 60.0
#: Cautions that are named, the most frequent.
_CAUTIONS = 3


def quality(visit: Visit) -> Response:
    ledger, alerts = visit.node.ledger, visit.node.config.alerts
    found = visit.node.once_in(_STANDS_S, "quality", lambda: weeks_of(ledger, ledger.now()))
    agreed = visit.node.once_in(
        _STANDS_S, "agreement", lambda: by_month(ledger.corrections.latest())
    )
    return visit.page(
        "quality.html",
        weeks=found,
        looked_at=ledger.drifts.looked_at(),
        every_days=alerts.drift_false_alarm_days,
        least=alerts.drift_least,
        months=agreed,
        judged=visit.node.once_in(_STANDS_S, "judged", lambda: judged(ledger)),
        choices=visit.node.once_in(_STANDS_S, "choices", lambda: chosen(ledger)),
        verdicts=VERDICTS,
        leading=visit.node.pipeline(),
        cautions={one.device: one.now.cautions.most_common(_CAUTIONS) for one in found},
    )


def chosen(ledger: Ledger) -> list[Choice]:
    """Of the images on which several pipelines were tried."""
    since = ledger.now() - WITHIN
    return choices(ledger.shadows.choices(since), ledger.assessments.since_by_job(since))


def judged(ledger: Ledger) -> Readers:
    """Of the images that Review shows."""
    return readers(ledger.assessments.since(ledger.now() - WITHIN, MOST))
