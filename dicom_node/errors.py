"""Every failure's policy, in one place: the class says whether to try again and what to answer.

    NodeError
    ├── UsageError                 the person at the command line must change something (exit 2)
    │   └── ConfigError            every fault of a configuration, named
    ├── Permanent                  never retried: the job or delivery ends FAILED with the reason
    │   ├── NotDicom               0xC000  the bytes are no DICOM data set we can index
    │   ├── InvalidUid             0x0117  the C-STORE request names no SOP Instance
    │   ├── TooLarge               0xA700  an instance beyond max_instance_mb
    │   ├── ClassMismatch          0xA900  data set and C-STORE request name different instances
    │   ├── Undecodable                    the pixels cannot be read
    │   ├── InvalidResult                  the gate refused what we built
    │   └── DamagedInSpool                 a spooled file is gone, or not the bytes that were kept
    └── Transient                  retried with capped exponential backoff and jitter
        ├── SpoolUnavailable       0xA700  the disk did not take (or give) the file
        ├── LedgerUnavailable      0xA700  the database did not commit
        ├── BrokerUnavailable              the broker did not take the id; recovery republishes
        ├── DestinationUnavailable         no association, or it was lost
        ├── WorkerDied                     a worker vanished while it held the job
        └── ThreadEnded                    a thread of this part ended: the part does too

An exception that is none of these is a bug. It counts as transient `UNKNOWN_TRIES` times, then
ends the job with its traceback in the ledger: nothing vanishes. DIMSE statuses: PS3.4 B.2.3 and
PS3.7 Annex C.
"""

from typing import ClassVar

#: How often an unexpected exception, or a worker's death, may repeat before the job is FAILED.
UNKNOWN_TRIES = 3

SUCCESS = 0x0000
INVALID_SOP_INSTANCE = 0x0117
OUT_OF_RESOURCES = 0xA700
DATA_SET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000


class NodeError(Exception):
    """Base of all that this node raises on purpose."""


class UsageError(NodeError):
    """The command line asks for something that cannot be done."""


class ConfigError(UsageError):
    """The configuration is not valid; one fault per line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Permanent(NodeError):
    """Trying again would give the same."""

    #: What a C-STORE is answered when this is raised while receiving.
    dimse_status: ClassVar[int] = CANNOT_UNDERSTAND


class NotDicom(Permanent):
    """The bytes are no DICOM data set that names its instance, study and series."""


class InvalidUid(Permanent):
    """The request's SOP Instance UID is not formed like one (PS3.5 9.1, PS3.7 C.5.11)."""

    dimse_status = INVALID_SOP_INSTANCE


class TooLarge(Permanent):
    """The instance is larger than this node is told to take."""

    dimse_status = OUT_OF_RESOURCES


class ClassMismatch(Permanent):
    """The data set names another SOP Class or Instance than the C-STORE request."""

    dimse_status = DATA_SET_DOES_NOT_MATCH


class Undecodable(Permanent):
    """The pixel data cannot be decoded into a radiograph."""


class InvalidResult(Permanent):
    """A built SEG, SR or overlay did not pass the last gate; it is never sent."""


class DamagedInSpool(Permanent):
    """A spooled file is gone, or its bytes are not those whose SHA-256 the ledger has.

    Reading again gives the same. What was built is built again; what was received must come again.
    """


class Transient(NodeError):
    """May pass: try again later."""

    dimse_status: ClassVar[int] = OUT_OF_RESOURCES


class SpoolUnavailable(Transient):
    """A file could not be written, synced or read."""


class LedgerUnavailable(Transient):
    """The ledger could not be read or did not commit."""


class BrokerUnavailable(Transient):
    """The broker did not take or give an id; the ledger still knows the job."""


class DestinationUnavailable(Transient):
    """A destination could not be reached, or the association with it was lost."""


class WorkerDied(Transient):
    """The worker that held the job vanished: killed, out of memory, power lost."""


class ThreadEnded(Transient):
    """A thread that runs until told to stop ended before: its part ends, to be started again."""


def is_retriable(error: Exception, attempt: int) -> bool:
    """Whether work that raised `error` at its `attempt`-th try (from 1) is to be tried again."""
    if isinstance(error, Permanent | UsageError):
        return False
    if isinstance(error, Transient) and not isinstance(error, WorkerDied):
        return True
    return attempt < UNKNOWN_TRIES
