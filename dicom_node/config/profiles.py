"""What a destination gets: which outputs, in which transfer syntaxes, and what instead of those
that it does not accept.

A new preset is one entry of `PRESETS`. Which outputs there are, `sr_writer.kinds` says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dicom_node.errors import ConfigError
from sr_writer.kind import spoken
from sr_writer.kinds import KINDS, USUAL, Kind
from sr_writer.language import ENGLISH, LANGUAGES

#: PS3.5 Annex A. Outputs are built in the first; the others are made on the way.
TRANSFER_SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "rle": "1.2.840.10008.1.2.5",
}
_UNCOMPRESSED = frozenset({"explicit", "implicit"})

#: The report's SOP Class, by the value of the key `sr`.
_REPORT_CLASSES = {"comprehensive-3d": "SR", "comprehensive": "SR2D"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one destination gets."""

    outputs: tuple[str, ...] = USUAL  #: roles
    transfer_syntaxes: tuple[str, ...] = ("explicit", "implicit")  #: the best liked first
    next_best: bool = True  #: send what comes closest to an output that is not accepted
    rejection_notes: bool = True  #: send notes (IHE IOCM) that take back superseded results
    language: str = ENGLISH  #: of the words in `outputs`, whose roles say so as well
    #: Every output there is, in the order of sending: what a report refers to is there before it.
    kinds: tuple[Kind, ...] = field(default=KINDS, repr=False)

    def instead_of(self, role: str) -> str | None:
        """What to send in place of an output whose SOP Class is not accepted."""
        kind = self._kind(role)
        return kind.next_best if kind and self.next_best else None

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
        needed = {*self.outputs, *self.reserves}
        return tuple(kind.role for kind in self.kinds if kind.role in needed)

    def syntaxes_for(self, role: str) -> tuple[str, ...]:
        """UIDs of the transfer syntaxes to propose for an output, the best liked first."""
        kind = self._kind(role)
        # A rejection note is of no kind, and goes uncompressed.
        taken = _UNCOMPRESSED | (kind.compressions if kind else frozenset())
        return tuple(TRANSFER_SYNTAXES[name] for name in self.transfer_syntaxes if name in taken)

    def _kind(self, role: str) -> Kind | None:
        return next((kind for kind in self.kinds if kind.role == role), None)


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


#: The step of what goes only where something else is not accepted; it comes last.
RESERVES = "reserves"


@dataclass(frozen=True, slots=True)
class Step:
    """What is built and handed over together."""

    name: str
    roles: tuple[str, ...]  #: in the order of sending


def steps(profiles: Sequence[Profile], kinds: Sequence[Kind] = KINDS) -> tuple[Step, ...]:
    """What all destinations together need of `kinds`, the soonest needed first; never none.

    Of a node that has no destination: the usual.
    """
    of_all = profiles or (replace(STANDARD, next_best=False),)
    sent = {role for profile in of_all for role in profile.outputs}
    in_reserve = {role for profile in of_all for role in profile.reserves} - sent
    first = {kind.role for kind in kinds if kind.is_first}
    needed = {"reports": sent & first, "pictures": sent - first, RESERVES: in_reserve}
    return tuple(
        Step(name, tuple(kind.role for kind in kinds if kind.role in roles))
        for name, roles in needed.items()
        if roles
    )


def read_profile(keys: Mapping[str, Any], kinds: tuple[Kind, ...] = KINDS) -> Profile:
    """The profile that these keys of a destination make; raises ConfigError with every fault."""
    if faults := list(profile_faults(keys, kinds)):
        raise ConfigError(faults)
    changes: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in keys.items()
        if key not in ("preset", "sr")
    }
    profile = replace(PRESETS[keys.get("preset", "standard")], **changes, kinds=kinds)
    if "sr" in keys:
        report = _REPORT_CLASSES[keys["sr"]]
        reports = {kind.role for kind in kinds if kind.is_report}
        outputs = dict.fromkeys(report if role in reports else role for role in profile.outputs)
        profile = replace(profile, outputs=tuple(outputs))
    return _spoken(profile)


def _spoken(profile: Profile) -> Profile:
    """With the roles of its language, which the kinds of that language have."""
    in_it = spoken(profile.kinds, profile.language)
    roles = {kind.role: one.role for kind, one in zip(profile.kinds, in_it, strict=True)}
    outputs = tuple(roles[role] for role in profile.outputs)
    return replace(profile, outputs=outputs, kinds=in_it)


def unknown_outputs(names: list[Any], kinds: Sequence[Kind] = KINDS) -> Iterator[str]:
    """A fault for each that is no output."""
    yield from _unknown("outputs", names, tuple(kind.role for kind in kinds))


def profile_faults(keys: Mapping[str, Any], kinds: Sequence[Kind] = KINDS) -> Iterator[str]:
    """What is wrong with the values of these keys, each by itself."""
    yield from _unknown("preset", [keys["preset"]] if "preset" in keys else [], PRESETS)
    yield from _unknown("sr", [keys["sr"]] if "sr" in keys else [], _REPORT_CLASSES)
    yield from _unknown("language", [keys["language"]] if "language" in keys else [], LANGUAGES)
    yield from unknown_outputs(keys.get("outputs", []), kinds)
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
