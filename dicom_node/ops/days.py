"""The last days in a small table: how many radiographs came, and how many of them ended badly."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dicom_node.ledger import Day

DAYS = 7


def midnights(now: datetime, days: int = DAYS) -> list[datetime]:
    """When each of the last days began here, today's last."""
    local = now.astimezone()
    today = datetime(local.year, local.month, local.day)
    # Each by itself: the clocks may have been changed in between.
    return [(today - timedelta(days=ago)).astimezone() for ago in reversed(range(days))]


def day_lines(days: Sequence[Day]) -> Iterator[str]:
    """The newest first, under a head."""
    yield "  day         received  skipped  failed  refused"
    for day in reversed(days):
        yield (
            f"  {day.begins:%Y-%m-%d} {day.received:>9} {day.skipped:>8} {day.failed:>7}"
            f" {day.refused:>8}"
        )
