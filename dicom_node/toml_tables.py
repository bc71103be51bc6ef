"""Known keys of known types out of a TOML document; whatever else is there is a fault, named."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from math import inf
from typing import Any

#: What a person is asked for, by type.
_WORDS = {str: "text in quotes", int: "a whole number", bool: "true or false", float: "a number",
          list: "a list in brackets"}  # fmt: skip
#: Keys that end so hold seconds.
_SECONDS = "_s"


class Tables:
    """Takes one section after the other; `faults` gathers all that is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._left = dict(document)
        self._known: list[str] = []
        self.faults: list[str] = []

    def one(self, section: str, types: Mapping[str, type]) -> dict[str, Any]:
        """The keys of `[section]` that are as they should be."""
        self._known.append(section)
        return self._checked(f"[{section}]", self._left.pop(section, {}), types, set())

    def many(
        self, section: str, types: Mapping[str, type], required: set[str]
    ) -> list[dict[str, Any]]:
        """The same of each `[[section]]` that has all `required` keys."""
        self._known.append(section)
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
        self.faults += [
            f"[{section}] is not a known section{did_you_mean(section, self._known)}"
            for section in self._left
        ]
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
                hint = did_you_mean(key, types.keys() - entry.keys())
                self.faults.append(f"{where} {key} is not a known key{hint}")
            elif fault := _fault(key, value, wanted):
                self.faults.append(f"{where} {key} must be {fault}")
            else:
                good[key] = float(value) if wanted is float else value
        self.faults += [f"{where} {key} is missing" for key in sorted(required - entry.keys())]
        return good


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`: did you mean host?` where one of the known is close, else nothing."""
    close = get_close_matches(word, sorted(known), n=1)
    return f": did you mean {close[0]}?" if close else ""


def _fault(key: str, value: Any, wanted: type[Any]) -> str:
    """What the value would have to be; empty where it is."""
    words = _WORDS[wanted]
    is_seconds = wanted is not str and key.endswith(_SECONDS)
    if is_seconds:
        words += " of seconds"
    if type(value) is not wanted and not (wanted is float and type(value) is int):
        return words
    if is_seconds and not 0 < float(value) < inf:
        return f"{words} greater than 0, not {value}"
    return ""
