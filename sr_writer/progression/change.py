"""How a lung stands against its last prior: the same figure in report, page and their gates."""

from inference.findings import Decision, Findings, Laterality
from sr_writer.progression import Prior, Progression


def percent_of(prior: Prior, side: Laterality) -> float | None:
    return prior.percent_left if side is Laterality.LEFT else prior.percent_right


def percent_now(findings: Findings, side: Laterality) -> float | None:
    """Of this radiograph; None where it is undetermined: then nothing is compared."""
    if findings.decision not in (Decision.POSITIVE, Decision.NEGATIVE):
        return None
    return findings.measurement(side).infected_percent


def change_of(findings: Findings, told: Progression | None, side: Laterality) -> float | None:
    """Percentage points more, or less, than in the last prior; None where one cannot be said."""
    now = percent_now(findings, side)
    before = percent_of(told.last, side) if told and told.last else None
    if now is None or before is None:
        return None
    # Of the figures as they are written, so that a reader who subtracts finds the same.
    return round(rounded(now) - rounded(before), 2)


def rounded(value: float) -> float:
    """A figure as it is written: two decimals, or two digits where that would read as nothing."""
    return round(value, 2) if value >= 0.01 else float(f"{value:.2g}")
