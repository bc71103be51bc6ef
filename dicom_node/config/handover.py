"""`[[destination]]` of the kinds "hl7" and "fhir": who is told a report's content in the
words of HL7, for worklists and records that read no DICOM.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from dicom_node.config.destination import AnyDestination, PortDestination
from dicom_node.config.profiles import STANDARD, Profile, read_profile
from dicom_node.config.values import Text, refused
from dicom_node.config.web import ServerDestination, Url
from sr_writer.kinds import SR

#: Keys of what a destination gets, which is settled here.
_SETTLED = {
    "preset": "standard",
    "outputs": (SR.role,),
    "sr": None,
    "transfer_syntaxes": STANDARD.transfer_syntaxes,
    "next_best": False,
}


def _as_base(url: str) -> str:
    return url.rstrip("/")


def _is_uri(text: str) -> str:
    """RFC 3986: a system of identifiers is named by any of them, as urn:oid:1.2.3."""
    if not urlsplit(text).scheme or " " in text or "|" in text or not text.isascii():
        raise refused("must be a URI, as urn:oid:1.2.3 or https://hospital.example/patients")
    return text


#: HD, of which a receiver may keep 20 characters (HL7 2.5.1, table 0361).
_Name = Annotated[Text, Field(max_length=180)]


class HandOverDestination(AnyDestination):
    """What every such kind has: it gets the report, and what takes one back."""

    @property
    def profile(self) -> Profile:
        keys: dict[str, Any] = {
            "outputs": [SR.role],
            "next_best": False,
            "language": self.language,
            "rejection_notes": self.rejection_notes is not False,
        }
        return read_profile(keys, self.known_outputs)

    @model_validator(mode="after")
    def _gets_the_report(self) -> Self:
        if faults := list(self._faults_of_profile()):
            raise refused(*faults)
        return self

    def _faults_of_profile(self) -> Iterator[str]:
        for key, value in _SETTLED.items():
            if key in self.model_fields_set and getattr(self, key) != value:
                yield f'{key} is of no use with kind = "{self.kind}", which is told the report'


class Hl7Destination(HandOverDestination, PortDestination):
    """Who takes ORU^R01 of HL7 2.5.1 by MLLP."""

    kind: Literal["hl7"]
    #: Who is meant, and who says it: MSH-5, 6, 3 and 4.
    receiving_application: _Name = ""
    receiving_facility: _Name = ""
    sending_application: _Name = ""  #: "": the node's AE title
    sending_facility: _Name = ""
    #: MSH-11 (table 0103): production, training, debugging.
    processing_id: Literal["P", "T", "D"] = "P"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class FhirDestination(HandOverDestination, ServerDestination):
    """A server of FHIR R4, or what takes a transaction as one."""

    url_key: ClassVar[str] = "base"

    kind: Literal["fhir"]
    base: Annotated[Url, AfterValidator(_as_base)]
    #: Of the Patient ID; None: what the image says of its issuer, if that is universal.
    patient_system: Annotated[Text, AfterValidator(_is_uri)] | None = None
