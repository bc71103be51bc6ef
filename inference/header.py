"""One attribute of a real header, which may be absent, empty or malformed.

inference, sr_writer and dicom_node read values with it alike, so it imports nothing of theirs.
"""

import math
import string
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.datadict import tag_for_keyword
from pydicom.multival import MultiValue

#: Of Rows x Columns. Far more than any detector has (43 x 43 cm at 0.1 mm is 18.5 million), and
#: 1.6 GB of memory while it is decoded.
MAX_PIXELS = 100_000_000

#: Padding, or what people leave behind.
_AROUND = string.whitespace + "\0"


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The attribute's value; None where it is absent, empty or cannot be parsed."""
    try:
        value = dataset.get(keyword)
    except MemoryError:
        raise
    except Exception:
        # pydicom parses on access, and raises whatever the malformed bytes provoke.
        return None
    return None if isinstance(value, str) and not value else value


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value as text, without what surrounds it; "" where there is none."""
    value = value_of(dataset, keyword)
    return "" if value is None else str(value).strip(_AROUND)


def texts_of(dataset: Dataset, keyword: str) -> list[str]:
    """Each of several values as `text_of` has it."""
    value = value_of(dataset, keyword)
    parts = value if isinstance(value, MultiValue) else [] if value is None else [value]
    return [str(part).strip(_AROUND) for part in parts]


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is no sequence."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def numbers_of(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of a DS, IS, US or SS; () where one of them is no finite number.

    "0,143" is 0.143: some writers take the decimal comma of their country, which PS3.5 6.2 forbids.
    """
    value = value_of(dataset, keyword)
    if value is None:
        value = _unparsed(dataset, keyword)
    parts = value.split("\\") if isinstance(value, str) else value
    try:
        # One value, or several in some kind of sequence.
        numbers = tuple(_number(part) for part in (parts if _is_many(parts) else [parts]))
    except (TypeError, ValueError):
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def number_of(dataset: Dataset, keyword: str) -> float | None:
    """The only value; None where there is none, or several."""
    numbers = numbers_of(dataset, keyword)
    return numbers[0] if len(numbers) == 1 else None


def stored(dataset: Dataset, keyword: str) -> Any:
    """An attribute's value as it lies in the data set, its bytes where it was not yet read; None
    where it is absent or empty.

    pydicom's own `get_item` reads what is empty, and stumbles over a VR that nobody knows.
    """
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    element = dataset.get_item(tag, keep_deferred=True)
    return None if element is None else element.value


def _is_many(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes)


def _number(part: Any) -> float:
    # "1,500.0" and "1.500,0" might be either country's: no number.
    return float(part.replace(",", ".") if isinstance(part, str) else part)


def _unparsed(dataset: Dataset, keyword: str) -> str | None:
    """The text that pydicom could make no value of."""
    raw = stored(dataset, keyword)
    return raw.decode("ascii", "replace").strip("\0 ") if isinstance(raw, bytes) else None
