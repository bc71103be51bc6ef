"""One attribute of a real header, which may be absent, empty or malformed."""

from typing import Any

from pydicom import Dataset


def value_of(dataset: Dataset, keyword: str) -> Any:
    """The attribute's value; None where it is absent, empty or cannot be parsed."""
    try:
        value = dataset.get(keyword)
    except Exception:
        # pydicom parses on access, and raises whatever the malformed bytes provoke.
        return None
    return None if isinstance(value, str) and not value else value
