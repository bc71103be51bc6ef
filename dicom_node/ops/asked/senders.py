"""Who sends, when each last did, and who has fallen silent."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise

from dicom_node.config.alerting import WorkingHours
from dicom_node.ledger import Arrival

#: How far back is looked.
WINDOW = timedelta(days=7)
#: Local hours in which somebody notices that nothing comes, where `[alerts]` names none.
USUAL_HOURS = "Mon-Fri 07:00-18:00"
#: Silence is measured by the longest pause of the sender's own working hours, so many times.
_PAUSES = 2.0
_SHORTEST_S = 3600.0
#: Of one that has sent less in the window nothing can be expected.
_FEW = 20


@dataclass(frozen=True, slots=True)
class Sender:
    """An AE title and, where the header says, the station behind it."""

    calling_aet: str
    station_name: str
    last_at: datetime
    today: int
    in_window: int
    is_silent: bool  #: longer than it usually is in working hours, of which it is one now


def senders(arrivals: Collection[Arrival], now: datetime, working_hours: str) -> list[Sender]:
    """Those of the last days, who has been silent first, then by name. Times are aware."""
    hours = WorkingHours(working_hours or USUAL_HOURS)
    by_name: dict[tuple[str, str], list[datetime]] = {}
    for one in arrivals:
        by_name.setdefault((one.calling_aet, one.station_name), []).append(one.at)
    found = [_sender(*name, sorted(times), now, hours) for name, times in by_name.items()]
    return sorted(found, key=lambda one: (not one.is_silent, one.calling_aet, one.station_name))


def _sender(
    aet: str, station: str, times: list[datetime], now: datetime, hours: WorkingHours
) -> Sender:
    local = now.astimezone()
    midnight = datetime.combine(local.date(), time(), local.tzinfo)
    return Sender(
        aet,
        station,
        times[-1],
        sum(at >= midnight for at in times),
        len(times),
        _is_silent(times, local, hours),
    )


def _is_silent(times: list[datetime], now: datetime, hours: WorkingHours) -> bool:
    if len(times) < _FEW or not hours.contain(now):
        return False
    silence = min((now - times[-1]).total_seconds(), hours.seconds_into(now))
    longest = max(_pauses_s(times, hours), default=0.0)
    return silence > max(_SHORTEST_S, _PAUSES * longest)


def _pauses_s(times: list[datetime], hours: WorkingHours) -> Iterator[float]:
    """Between arrivals of the same working day."""
    local = [at.astimezone() for at in times]
    for before, after in pairwise(local):
        if before.date() == after.date() and hours.contain(before) and hours.contain(after):
            yield (after - before).total_seconds()
