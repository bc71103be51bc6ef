"""A device, as the images that it made tell it: whose they are compared with over time."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import case, null

from dicom_node.ledger.tables.schema import instances

#: Kilovolts. A chest at a wall stand is exposed with more (EUR 16260, 1996: 125 kV), one at the
#: bedside, without a grid, mostly with less: two techniques, and two kinds of image.
HIGH_KV = 100


class KvpRange(StrEnum):
    """Of KVP (0018,0060); in the words that people read."""

    LOW = f"below {HIGH_KV} kV"
    HIGH = f"{HIGH_KV} kV and more"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Device:
    """As a header names it, and whoever sent it; "" where the header does not say."""

    manufacturer: str
    model_name: str
    station_name: str
    calling_aet: str = ""
    kvp_range: str = KvpRange.UNKNOWN


#: Of an instance, in the order of `Device`'s fields.
DEVICE = (
    instances.c.manufacturer,
    instances.c.model_name,
    instances.c.station_name,
    instances.c.calling_aet,
    case(
        (instances.c.kvp.is_(null()), KvpRange.UNKNOWN.value),
        (instances.c.kvp < HIGH_KV, KvpRange.LOW.value),
        else_=KvpRange.HIGH.value,
    ).label("kvp_range"),
)
