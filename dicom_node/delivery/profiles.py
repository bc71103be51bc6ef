"""What a destination gets: which outputs, in which transfer syntaxes, and what instead of those
that it does not accept.

A new preset is one entry of `PRESETS`. Outputs are named here as text: what they are is the
business of who builds them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dicom_node.errors import ConfigError

#: Every output there is, in the order of sending: what a report refers to is there before it.
OUTPUTS = ("SEG", "SR", "SR2D", "SC", "KO", "PR", "DOC")
#: Those that a radiologist waits for: they are on their way before a picture is begun.
FIRST = ("SEG", "SR", "SR2D")
#: Those that a report of failure may be.
REPORTS = ("SR", "SR2D")
#: What goes instead of an output whose SOP Class a destination does not accept: the masks as
#: outlines, the outlines as a picture; the report in its older class, the report as a page.
NEXT_BEST = {"SEG": "PR", "PR": "SC", "SR": "SR2D", "SR2D": "DOC"}

#: PS3.5 Annex A. Outputs are built in the first; the others are made on the way.
TRANSFER_SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "rle": "1.2.840.10008.1.2.5",
}
_UNCOMPRESSED = frozenset({"explicit", "implicit"})
#: Only the overlay has pixels to compress. A SEG stays uncompressed in every way: dcmqi, and with
#: it 3D Slicer, refuses a compressed one.
_COMPRESSED = {"deflated": frozenset(OUTPUTS) - {"SEG"}, "jpeg2000": {"SC"}, "rle": {"SC"}}

#: The report's SOP Class, by the value of the key `sr`.
_REPORT_CLASSES = {"comprehensive-3d": "SR", "comprehensive": "SR2D"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one destination gets."""

    outputs: tuple[str, ...] = ("SEG", "SR", "SC")
    transfer_syntaxes: tuple[str, ...] = ("explicit", "implicit")  #: the best liked first
    next_best: bool = True  #: send what comes closest to an output that is not accepted
    rejection_notes: bool = True  #: send notes (IHE IOCM) that take back superseded results

    def instead_of(self, role: str) -> str | None:
        """What to send in place of an output whose SOP Class is not accepted."""
        return NEXT_BEST.get(role) if self.next_best else None

    @property
    def reserves(self) -> dict[str, str]:
        """What is kept ready, and the output that each would stand in for."""
        found: dict[str, str] = {}
        for role in self.outputs:
            while (instead := self.instead_of(role)) and instead not in self.outputs:
                found[instead] = role
                role = instead
        return found

    @property
    def built(self) -> tuple[str, ...]:
        """All that must be built for this destination, in the order of sending."""
        return tuple(role for role in OUTPUTS if role in self.outputs or role in self.reserves)

    def syntaxes_for(self, role: str) -> tuple[str, ...]:
        """UIDs of the transfer syntaxes to propose for an output, the best liked first."""
        return tuple(
            TRANSFER_SYNTAXES[name]
            for name in self.transfer_syntaxes
            if name in _UNCOMPRESSED or role in _COMPRESSED[name]
        )


STANDARD = Profile()
PRESETS = {
    "standard": STANDARD,
    # OHIF opens PDF too, but neither presentation states nor key objects.
    "ohif": Profile(outputs=("SEG", "SR", "SC", "DOC")),
    # Its usual viewer, Weasis, shows all of these; the key object puts positives into worklists.
    "dcm4chee": Profile(outputs=("SEG", "SR", "SC", "KO", "PR")),
    # 3D Slicer: an overlay would be loaded as one more volume.
    "slicer": Profile(outputs=("SEG", "SR")),
    "images-only": Profile(outputs=("SC",)),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What is built and handed over together."""

    name: str
    roles: tuple[str, ...]  #: in the order of sending


def steps(profiles: Sequence[Profile]) -> tuple[Step, ...]:
    """What all destinations together need, the soonest needed first; never none.

    Of a node that has no destination: the usual.
    """
    of_all = profiles or (replace(STANDARD, next_best=False),)
    sent = {role for profile in of_all for role in profile.outputs}
    in_reserve = {role for profile in of_all for role in profile.reserves} - sent
    needed = {"reports": sent & set(FIRST), "pictures": sent - set(FIRST), "reserves": in_reserve}
    return tuple(
        Step(name, tuple(role for role in OUTPUTS if role in roles))
        for name, roles in needed.items()
        if roles
    )


def read_profile(keys: Mapping[str, Any]) -> Profile:
    """The profile that these keys of a destination make; raises ConfigError with every fault."""
    if faults := list(profile_faults(keys)):
        raise ConfigError(faults)
    changes: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in keys.items()
        if key not in ("preset", "sr")
    }
    profile = replace(PRESETS[keys.get("preset", "standard")], **changes)
    if "sr" not in keys:
        return profile
    report = _REPORT_CLASSES[keys["sr"]]
    outputs = dict.fromkeys(report if role in REPORTS else role for role in profile.outputs)
    return replace(profile, outputs=tuple(outputs))


def unknown_outputs(names: list[Any]) -> Iterator[str]:
    """A fault for each that is no output."""
    yield from _unknown("outputs", names, OUTPUTS)


def profile_faults(keys: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the values of these keys, each by itself."""
    yield from _unknown("preset", [keys["preset"]] if "preset" in keys else [], PRESETS)
    yield from _unknown("sr", [keys["sr"]] if "sr" in keys else [], _REPORT_CLASSES)
    yield from unknown_outputs(keys.get("outputs", []))
    syntaxes = keys.get("transfer_syntaxes", [])
    yield from _unknown("transfer_syntaxes", syntaxes, TRANSFER_SYNTAXES)
    for key in ("outputs", "transfer_syntaxes"):
        values = keys.get(key, [])
        if key in keys and not values:
            yield f"{key} is empty"
        for value in values:
            if values.count(value) > 1:
                yield f"{key} names {value!r} twice"
                break
    if syntaxes and _UNCOMPRESSED.isdisjoint(map(str, syntaxes)):
        yield "transfer_syntaxes needs explicit or implicit: not every output can be compressed"


def _unknown(key: str, values: list[Any], known: Mapping[str, Any] | tuple[str, ...]) -> list[str]:
    return [
        f"{key} {value!r} is not one of {', '.join(known)}"
        for value in values
        if not isinstance(value, str) or value not in known
    ]
