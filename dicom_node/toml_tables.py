"""Known keys of known types out of a TOML document; whatever else is there is a fault, named."""

from collections.abc import Mapping
from typing import Any


class Tables:
    """Takes one section after the other; `faults` gathers all that is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._left = dict(document)
        self.faults: list[str] = []

    def one(self, section: str, types: Mapping[str, type]) -> dict[str, Any]:
        """The keys of `[section]` that are as they should be."""
        return self._checked(f"[{section}]", self._left.pop(section, {}), types, set())

    def many(
        self, section: str, types: Mapping[str, type], required: set[str]
    ) -> list[dict[str, Any]]:
        """The same of each `[[section]]` that has all `required` keys."""
        entries = self._left.pop(section, [])
        if not isinstance(entries, list):
            self.faults.append(f"[{section}] must be written [[{section}]], once for each")
            return []
        where = f"[[{section}]]"
        checked = [
            self._checked(f"{where} number {number}", entry, types, required)
            for number, entry in enumerate(entries, 1)
        ]
        return [entry for entry in checked if required <= entry.keys()]

    def finish(self) -> None:
        """What has not been taken by now is not known."""
        self.faults += [f"[{section}] is not a known section" for section in self._left]
        self._left = {}

    def _checked(
        self, where: str, entry: Any, types: Mapping[str, type], required: set[str]
    ) -> dict[str, Any]:
        if not isinstance(entry, dict):
            self.faults.append(f"{where} must be a table of keys")
            return {}
        good: dict[str, Any] = {}
        for key, value in entry.items():
            wanted = types.get(key)
            if wanted is None:
                self.faults.append(f"{where} {key} is not a known key")
            elif wanted is float and type(value) is int:
                good[key] = float(value)
            elif type(value) is not wanted:
                self.faults.append(f"{where} {key} must be of type {wanted.__name__}")
            else:
                good[key] = value
        self.faults += [f"{where} {key} is missing" for key in sorted(required - entry.keys())]
        return good
