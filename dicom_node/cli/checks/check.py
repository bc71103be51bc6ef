"""One thing that was looked at, how it is, what to do about it, and in which line."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is, the best first."""

    OK = "ok"
    #: The node works, but somebody should look before it does not.
    WARNING = "warning"
    #: The node does not work, or not all of it.
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the configuration."""

    section: str
    name: str
    number: int = 0  #: of a section that may be there several times, from 0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `cxr-node doctor`."""

    name: str  #: what was looked at
    level: Level
    found: str  #: a sentence
    to_do: str = ""  #: empty where it is well
    key: Key | None = None  #: what to change; None: it is not the configuration


def worst(checks: Iterable[Check]) -> Level:
    """Of all of them; OK where there is none."""
    levels = list(Level)
    return max((check.level for check in checks), key=levels.index, default=Level.OK)


def ok(name: str, found: str) -> Check:
    return Check(name, Level.OK, found)


def warning(name: str, found: str, to_do: str, key: Key | None = None) -> Check:
    return Check(name, Level.WARNING, found, to_do, key)


def fault(name: str, found: str, to_do: str, key: Key | None = None) -> Check:
    return Check(name, Level.FAULT, found, to_do, key)
