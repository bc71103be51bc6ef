"""The kinds of value a configuration holds; what is none of its kind is refused in words.

The words go on after the section and the key: `[node] port` and `70000 is not between 1 and 65535`.
"""

import ipaddress
import unicodedata
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from dicom_node.spelling import did_you_mean

#: The type of an error whose context holds the words for it.
REFUSED = "refused"
#: In the context of a validation: the folder that relative paths are taken from.
FOLDER = "folder"
#: Likewise: systemd's folder of secrets, or None where it has given none.
CREDENTIALS = "credentials"
#: systemd's own name for it in the environment of a unit (systemd.exec, LoadCredential), with which
#: a path may begin.
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"

_DAY_S = 24 * 3600
#: Value representations that are text, PS3.5 6.2.
_WRITTEN_VRS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC",
                "UI", "UR", "UT")  # fmt: skip

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


class Section(BaseModel):
    """A table of the file: what is not known is refused, and nothing is taken for something else.

    Inputs are not repeated in pydantic's own messages: they may hold a password.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


def refused(*faults: str) -> PydanticCustomError:
    """To raise from a validator: one sentence for each fault, without section and key."""
    return PydanticCustomError(REFUSED, "{text}", {"text": "; ".join(faults), "faults": faults})


def port_fault(port: int, lowest: int = 1) -> str:
    return "" if lowest <= port <= 65535 else f"{port} is not between 1 and 65535"


def is_loopback(host: str) -> bool:
    return host == "localhost" or _try_address(host, lambda address: address.is_loopback)


def _checked(fault: Callable[[_Value], str]) -> AfterValidator:
    """Refuses a value that `fault` has a word against."""

    def check(value: _Value) -> _Value:
        if said := fault(value):
            raise refused(said)
        return value

    return AfterValidator(check)


def _ae_title_fault(aet: str) -> str:
    """PS3.5 6.2, VR AE: 1 to 16 characters of the default repertoire, no backslash or control."""
    if not aet.strip():
        return "may not be empty: it is an AE title"
    if len(aet) > 16:
        return f"{aet!r} is longer than 16 characters"
    is_plain = aet.isascii() and aet.isprintable() and "\\" not in aet
    return "" if is_plain else f"{aet!r} has a character that is not allowed"


def _seconds_fault(seconds: float) -> str:
    if not 0 < seconds < inf:
        return f"must be a number of seconds greater than 0, not {seconds:g}"
    if seconds > _DAY_S:
        return f"must be at most {_DAY_S} seconds"
    return "" if seconds >= 1 else "must be at least 1 second"


def _text_fault(text: str | Path) -> str:
    is_plain = all(unicodedata.category(character) != "Cc" for character in str(text))
    return "" if is_plain else f"{str(text)!r} has a control character"


def _host_fault(host: str) -> str:
    if not host:
        return "is empty"
    if not host.isprintable() or " " in host:
        return f"{host!r} is no host: it has a space or a control character"
    try:
        # As it is done before it is looked up: RFC 1035 2.3.4, a label has 1 to 63 characters.
        host.encode("idna")
    except UnicodeError:
        return f"{host!r} is no host: a part between its dots is empty, too long or not allowed"
    return ""


def _address_fault(host: str) -> str:
    return "" if _try_address(host, lambda _: True) else f"{host!r} is not an IP address"


def _try_address(
    host: str, ask: Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address], bool]
) -> bool:
    try:
        return ask(ipaddress.ip_address(host))
    except ValueError:
        return False


def _not_empty(value: Any) -> Any:
    if value == "":
        raise refused("is empty: write . for the folder that the file is in")
    return value


def _names_a_file(value: Any) -> Any:
    if value == "":
        raise refused("is empty: leave it out, or name a file")
    return value


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    """Absolute: a relative path is taken from the folder of the file that it stands in."""
    folder: Path = (info.context or {}).get(FOLDER, Path.cwd())
    return folder / path


def _from_credentials(path: Path, info: ValidationInfo) -> Path:
    """Of `$CREDENTIALS_DIRECTORY/NAME`: the file of that name where systemd has put it."""
    if path.parts[:1] != (f"${CREDENTIALS_VARIABLE}",):
        return path
    folder: Path | None = (info.context or {}).get(CREDENTIALS)
    if folder is None:
        raise refused(f"names ${CREDENTIALS_VARIABLE}, which nobody has set")
    return folder.joinpath(*path.parts[1:])


def _code_fault(text: str) -> str:
    """A coded concept, `113010 DCM`: both parts are SH (PS3.3 table 8.8-1), and have no spaces."""
    parts = text.split(" ")
    if len(parts) != 2 or not all(0 < len(part) <= 16 and part.isprintable() for part in parts):
        return f"{text!r} must be written CODE SCHEME, as in 113010 DCM"
    return ""


def _attribute_fault(text: str) -> str:
    """What is asked of a header: `StationName=ER*`."""
    # Here, so that a configuration without any does not pay for pydicom.
    from pydicom.datadict import dictionary_VR, keyword_dict

    keyword, found, value = text.partition("=")
    if not found or not value.strip():
        return f"{text!r} must be written KEYWORD=VALUE, as in StationName=ER*"
    if keyword not in keyword_dict:
        return f"{text!r}: {keyword!r} is no keyword of DICOM{did_you_mean(keyword, keyword_dict)}"
    if dictionary_VR(keyword_dict[keyword]) not in _WRITTEN_VRS:
        return f"{text!r}: {keyword} does not hold a text"
    return ""


AeTitle = Annotated[str, _checked(_ae_title_fault)]
Host = Annotated[str, _checked(_host_fault)]
IpAddress = Annotated[str, _checked(_address_fault)]
Port = Annotated[int, _checked(port_fault)]
Seconds = Annotated[float, _checked(_seconds_fault)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1, le=36500)]
Text = Annotated[str, _checked(_text_fault)]
Code = Annotated[str, _checked(_code_fault)]
Attribute = Annotated[str, _checked(_attribute_fault)]
#: TOML knows no tuple and no path: a list and a text are taken for them, and nothing else.
ListOf = Annotated[tuple[_Item, ...], Field(strict=False)]
FolderPath = Annotated[
    Path,
    Field(strict=False),
    BeforeValidator(_not_empty),
    _checked(_text_fault),
    AfterValidator(_from_folder),
]
FilePath = Annotated[
    Path,
    Field(strict=False),
    BeforeValidator(_names_a_file),
    _checked(_text_fault),
    AfterValidator(_from_credentials),
    AfterValidator(_from_folder),
]


#: Of one part, on one host.
_MOST_PROCESSES = 64


def _is_processes(value: object) -> object:
    """Before pydantic, which would say of each kind that it is not that."""
    if value == "auto" or (type(value) is int and 1 <= value <= _MOST_PROCESSES):
        return value
    raise refused(f'must be a whole number from 1 to {_MOST_PROCESSES}, or "auto"')


Processes = Annotated[int | Literal["auto"], BeforeValidator(_is_processes)]
