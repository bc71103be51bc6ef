"""What a receiver of HL7 says to a message."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Of one message (2.5.1, 2.9.2)."""

    code: str  #: MSA-1: AA, AE, AR; CA, CE, CR of who speaks the enhanced mode
    control_id: str  #: MSA-2: of which message
    errors: tuple[str, ...]  #: codes of table 0357; what else it says may name a patient
