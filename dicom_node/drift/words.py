"""A drift in words, with its evidence. What a header says of its device is text, and harmless."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dicom_node.drift.measures import BEFORE, SHARES, WEEK, Measure
from dicom_node.ledger import Device, Drift
from dicom_node.ops.wording import line

#: Characters of each name (VR LO).
_WIDTH = 64
_DAYS_A_YEAR = 365.25
#: Years; who would wait for more?
_LONGEST = 1000


def name_of(device: Device) -> str:
    """`XR-2 (Maker Model) by PACS, below 100 kV`."""
    named = [line(one, _WIDTH) for one in (device.manufacturer, device.model_name) if one]
    maker = f" ({' '.join(named)})" if named else ""
    sender = f" by {line(device.calling_aet, _WIDTH)}" if device.calling_aet else ""
    voltage = f", {device.kvp_range}" if device.kvp_range else ""
    return f"{line(device.station_name, _WIDTH) or 'no station name'}{maker}{sender}{voltage}"


def said_of(drift: Drift) -> str:
    """`sharpness fell from 1.83 to 1.52 (medians; the last 7 days beside the 28 before; 412 and
    1,630 images; by chance once in 240 days)`.
    """
    return f"{shift_of(drift)} ({evidence_of(drift)})"


def shift_of(drift: Drift) -> str:
    # By its text: a host that runs a newer version may compare what this one does not know.
    put = _PUT.get(drift.measure, _as_number)
    way = "rose" if drift.effect > 0 else "fell"
    name = _NAMES.get(drift.measure, line(drift.measure))
    return f"{name} {way} from {put(drift.before)} to {put(drift.now)}"


def evidence_of(drift: Drift) -> str:
    kind = "shares" if drift.measure in SHARES else "medians"
    return (
        f"{kind}; the last {WEEK.days} days beside the {BEFORE.days} before;"
        f" {drift.now_count:,} and {drift.before_count:,} images;"
        f" by chance {_how_seldom(drift.chance)}"
    )


def _how_seldom(chance: float) -> str:
    """There is a look a day."""
    days = 1 / max(chance, 1e-12)
    years = days / _DAYS_A_YEAR
    if years >= _LONGEST:
        return f"less than once in {_LONGEST:,} years"
    if years >= 3:
        return f"once in {years:,.0f} years"
    return f"once in {days:,.0f} days" if days >= 1.5 else "every day"


def _as_percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _as_number(value: float) -> str:
    return f"{value:.2f}"


_NAMES: Mapping[str, str] = MappingProxyType(
    {
        Measure.POSITIVE: "positives",
        Measure.CAUTIONED: "images with a caution",
        Measure.NOT_ANALYSED: "images not analysed",
        Measure.INFECTED: "the infected part of positives",
    }
)
_PUT: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        **dict.fromkeys((*SHARES, Measure.BRIGHTNESS, Measure.CONTRAST), _as_percent),
        Measure.INFECTED: lambda percent: f"{percent:.1f} %",
    }
)
