"""One attribute of a real header, which may be absent, empty or malformed."""

import math
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The attribute's value; None where it is absent, empty or cannot be parsed."""
    try:
        value = dataset.get(keyword)
    except Exception:
        # pydicom parses on access, and raises whatever the malformed bytes provoke.
        return None
    return None if isinstance(value, str) and not value else value


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


def _is_many(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes)


def _number(part: Any) -> float:
    # "1,500.0" and "1.500,0" might be either country's: no number.
    return float(part.replace(",", ".") if isinstance(part, str) else part)


def _unparsed(dataset: Dataset, keyword: str) -> str | None:
    """The text that pydicom could make no value of."""
    tag = tag_for_keyword(keyword)
    element = dataset.get_item(tag) if tag is not None and tag in dataset else None
    raw = element.value if element is not None else None
    return raw.decode("ascii", "replace").strip("\0 ") if isinstance(raw, bytes) else None
