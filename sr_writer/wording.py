"""How a result is put into words for people: on the overlay, the page, the presentation state."""

from collections.abc import Mapping

from inference.results import Decision

HEADLINE: Mapping[Decision, str] = {
    Decision.POSITIVE: "COVID-19 infection seen",
    Decision.NEGATIVE: "No COVID-19 infection seen",
    Decision.UNDETERMINED: "Undetermined",
    Decision.NOT_ANALYSED: "Not analysed",
    Decision.FAILED: "Analysis failed",
}


def percent(value: float | None) -> str:
    """An infected percentage; never "0.0 %" where something is infected."""
    if value is None:
        return "-"
    return "< 0.1 %" if 0 < value < 0.1 else f"{value:.1f} %"


def extent(grade: int | None) -> str:
    """An extent grade (`inference.results.extent_grade`) on its scale."""
    return "no extent grade" if grade is None else f"extent grade {grade} of 4"
