"""This node, as its results name it, and the root of the UIDs that it derives (PS3.5 B.2).

It needs nothing but the standard library: the configuration makes one.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

_NAMESPACE = uuid.UUID("5f0c63b2-7d0e-5b7e-9a37-6d9b3c4f1e20")
_LONG_STRING = 64  #: characters of an LO (PS3.5 6.2)
_LONGEST_UID = 64  #: characters (PS3.5 9.1)
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")


def derived_uid(*parts: str) -> str:
    """A UID that is the same for the same parts, under the root for UUIDs, 2.25."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(31).join(parts)).int}"


@dataclass(frozen=True, slots=True)
class Equipment:
    """General Equipment (PS3.3 C.7.5.1); raises ValueError with every fault.

    Each text is 1 to 64 ASCII characters, because it stands in files of any character set.
    """

    manufacturer: str = "CXR node project"
    model_name: str = "CXR node"
    software_version: str = field(default_factory=lambda: version("cxr-node"))  #: the package's
    device_serial_number: str = "1"
    #: (0018,1002): one for the same make and version, unless a site gives its node its own.
    device_uid: str = ""

    def __post_init__(self) -> None:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))
        if not self.device_uid:
            uid = derived_uid("device", self.manufacturer, self.model_name, self.software_version)
            object.__setattr__(self, "device_uid", uid)

    def _faults(self) -> Iterator[str]:
        for name in ("manufacturer", "model_name", "software_version", "device_serial_number"):
            text = getattr(self, name)
            if not _is_text(text):
                yield (
                    f"{name} {text!r} is not 1 to {_LONG_STRING} ASCII characters, without a"
                    " backslash and without a blank at either end"
                )
        if self.device_uid and not _is_uid(self.device_uid):
            yield f"device_uid {self.device_uid!r} is not a UID"


def _is_text(text: str) -> bool:
    """One value of an LO that needs no character set (PS3.5 6.2)."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return plain and text == text.strip() and 0 < len(text) <= _LONG_STRING


def _is_uid(text: str) -> bool:
    """PS3.5 9.1."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None
