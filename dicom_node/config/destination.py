"""`[[destination]]`: where results go, and what each gets; each kind has keys of its own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from dicom_node.config.faults import faults_in
from dicom_node.config.profiles import Profile, profile_faults, read_profile
from dicom_node.config.values import (
    AeTitle,
    Count,
    FilePath,
    Host,
    ListOf,
    Port,
    Seconds,
    Section,
    Text,
    refused,
)
from dicom_node.errors import UsageError
from sr_writer.kinds import KINDS, Kind
from sr_writer.language import ENGLISH

#: The kind of a destination that does not say of which it is.
DEFAULT_KIND: Final = "dicom"
_ADDRESS = "{aet}@{host}:{port}"
_LONGEST_NAME = 64
_PROFILE_KEYS = (
    *("preset", "outputs", "sr", "language"),
    *("transfer_syntaxes", "next_best", "rejection_notes"),
)


class AnyDestination(Section):
    """What every kind of destination has: a name, and what goes there.

    A further kind is a subclass with a `kind` and keys of its own, given to `load`.
    """

    #: Every output there is; a subclass may know of more.
    known_outputs: ClassVar[tuple[Kind, ...]] = KINDS
    #: How the kind can have it confirmed that an output is kept, beside "none".
    known_verifications: ClassVar[tuple[str, ...]] = ()
    #: Whether it has images, and can be asked for them (`[priors]`).
    may_have_priors: ClassVar[bool] = False

    kind: str
    #: The ledger knows the destination by this: keep it when its address changes.
    name: str
    preset: str = "standard"
    #: None, here and below: as the preset says.
    outputs: ListOf[str] | None = None
    sr: str | None = None  #: the report's SOP Class
    language: str = ENGLISH  #: of the words in its outputs
    transfer_syntaxes: ListOf[str] | None = None
    next_best: bool | None = None
    rejection_notes: bool | None = None
    #: How it is confirmed that it keeps what it stored; "none": its answer to the sending counts.
    verify: str = "none"
    verify_within_s: Seconds = 3600.0  #: what is not confirmed by then stays unverified
    silent: bool = False  #: what it is to get is built, shown and held; see `[node]`
    give_up_days: Annotated[Count, Field(le=3650)] = 30  #: what waits longer is tried no more

    @property
    def address(self) -> str:
        """Where it is, for a person."""
        return self.kind

    def secured_by(self, node: Any) -> Self:  # noqa: ARG002 - a kind without TLS has no use for it
        """With what the node's own `[tls]` says and it does not."""
        return self

    @property
    def lacks_trust(self) -> bool:
        """Whether it is to be believed and nobody says how."""
        return False

    @property
    def retrieves_by_move(self) -> bool:
        """Whether it moves earlier radiographs to an address, rather than give them."""
        return False

    @property
    def profile(self) -> Profile:
        """What it gets: the preset, and what was said besides."""
        keys = {key: getattr(self, key) for key in _PROFILE_KEYS}
        given = {key: value for key, value in keys.items() if value is not None}
        return read_profile(given, self.known_outputs)

    @field_validator("name")
    @classmethod
    def _is_named(cls, name: str) -> str:
        if not name.strip():
            raise refused("is empty: leave it out")
        if not name.isprintable():
            raise refused(f"{name!r} has a character that cannot be printed")
        return name

    @model_validator(mode="after")
    def _is_named_shortly(self) -> Self:
        # An address is as long as it is.
        if self.name != self.address and len(self.name) > _LONGEST_NAME:
            raise refused(f"name {self.name!r} is longer than {_LONGEST_NAME} characters")
        return self

    @field_validator("verify")
    @classmethod
    def _can_be_verified(cls, verify: str) -> str:
        known = ("none", *cls.known_verifications)
        if verify not in known:
            raise refused(f"must be one of {', '.join(known)}")
        return verify

    @field_validator("preset", "outputs", "sr", "language", "transfer_syntaxes")
    @classmethod
    def _is_known(cls, value: Any, info: ValidationInfo) -> Any:
        key = str(info.field_name)
        if value is not None and (faults := list(profile_faults({key: value}, cls.known_outputs))):
            raise refused(*(fault.removeprefix(f"{key} ") for fault in faults))
        return value


class PortDestination(AnyDestination):
    """What listens at a port, in clear or by TLS."""

    host: Host
    port: Port
    tls: bool = False  #: to be spoken there (PS3.15 B.12)
    #: Name or address that its certificate is for; "": its host; "*": any, where only its own
    #: certificate is trusted.
    tls_name: Text = ""
    #: None, here and below: as `[tls]` says.
    trusted: FilePath | None = None
    revoked: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None

    def secured_by(self, node: Any) -> Self:
        if not self.tls:
            return self
        own = self if self.certificate else node
        # A list is of those who are trusted.
        believing = self if self.trusted else node
        found = {"certificate": own.certificate, "key": own.key, "trusted": believing.trusted}
        return self.model_copy(update=found | {"revoked": self.revoked or believing.revoked})

    @property
    def lacks_trust(self) -> bool:
        return self.tls and self.trusted is None


class Destination(PortDestination):
    """An Application Entity that results go to by C-STORE."""

    known_verifications: ClassVar[tuple[str, ...]] = ("commitment", "query")
    may_have_priors: ClassVar[bool] = True

    kind: Literal["dicom"] = DEFAULT_KIND
    name: str = ""  #: left out: its address
    aet: AeTitle
    #: How it gives earlier radiographs ([priors] ask): on the same association, or to an address.
    retrieve: Literal["get", "move"] = "get"

    @property
    def retrieves_by_move(self) -> bool:
        return self.retrieve == "move"

    @model_validator(mode="before")
    @classmethod
    def _with_name(cls, entry: Any) -> Any:
        if (
            isinstance(entry, Mapping)
            and "name" not in entry
            and {"aet", "host", "port"} <= set(entry)
        ):
            return {**entry, "name": _ADDRESS.format(**entry)}
        return entry

    @property
    def address(self) -> str:
        return _ADDRESS.format(aet=self.aet, host=self.host, port=self.port)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `AET@HOST:PORT`; raises UsageError."""
        aet, at, address = text.partition("@")
        host, colon, port = address.rpartition(":")
        if not (at and colon and host and port.isdigit()):
            raise UsageError(f"destination {text!r} is not AET@HOST:PORT")
        try:
            return cls(name=text, aet=aet, host=host.strip("[]"), port=int(port))
        except ValidationError as exc:
            faults = faults_in(exc, cls, "", {})
            raise UsageError(f"destination {text!r}: {'; '.join(faults)}") from None
