"""Every failure's policy, in one place: the class says whether to try again and what to answer.

    NodeError
    ├── UsageError                 the person at the command line must change something (exit 2)
    │   ├── ConfigError            every fault of a configuration, named
    │   └── LedgerDamaged          the database's file is none any more
    ├── Permanent                  never retried: the job or delivery ends FAILED with the reason
    │   ├── NotDicom               0xC000  the bytes are no DICOM data set we can index
    │   ├── InvalidUid             0x0117  the C-STORE request names no SOP Instance
    │   ├── TooLarge               0xA700  an instance beyond max_instance_mb
    │   ├── ClassMismatch          0xA900  data set and C-STORE request name different instances
    │   ├── Undecodable                    the pixels cannot be read
    │   ├── UnusableCorrection             a reader's segmentation that cannot be counted
    │   ├── InvalidResult                  the gate refused what we built
    │   ├── NotOffered                     a destination does not offer what was asked of it
    │   ├── NotRetrieved                   an archive does not give an image that it shows
    │   └── DamagedInSpool                 a spooled file is gone, or not the bytes that were kept
    └── Transient                  retried with capped exponential backoff and jitter
        ├── SpoolUnavailable       0xA700  the disk did not take (or give) the file: costs no try
        ├── LedgerUnavailable      0xA700  the database did not commit: costs no try
        ├── MemoryUnavailable              the device, or this host, has none left: costs no try
        ├── OutOfMemory                    too little for one image: some tries, with longer waits
        ├── BrokerUnavailable              the broker did not take the id; recovery republishes
        ├── SpoolUnreadable                one file gives an I/O error: a few tries, then damaged
        ├── DestinationUnavailable         no association, or it was lost
        │   └── DestinationAway            not to be had now, whatever is sent: it is left alone
        ├── ChannelFailed                  people could not be told of an alert by this channel
        ├── WorkerDied                     a worker vanished while it held the job
        └── ThreadEnded                    a thread of this part ended: the part does too

What is only away is waited for, without a try counted: it says nothing of the work. A file that
gives I/O errors, and a job whose worker dies, may be tried `UNKNOWN_TRIES` times.

Where memory runs out, a blank image is tried: if there is none for that either, others have it.

An exception that is none of these is a bug. It counts as transient `UNKNOWN_TRIES` times, then
ends the job with its traceback in the ledger: nothing vanishes. DIMSE statuses: PS3.4 B.2.3 and
PS3.7 Annex C.
"""

from typing import ClassVar

#: How often an unexpected exception, or a worker's death, may repeat before the job is FAILED.
UNKNOWN_TRIES = 3
#: How often an image is tried that runs out of memory where a blank one has enough, and the seconds
#: after the first time: with doubling waits, four minutes for others to give some back.
MEMORY_TRIES = 6
MEMORY_RETRY_S = 8.0

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


class LedgerDamaged(UsageError):
    """The ledger's file is damaged: waiting does not help, a copy of it does."""


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


class UnusableCorrection(Permanent):
    """A reader's Segmentation is not on its radiograph's grid, or does not say what it is of."""


class InvalidResult(Permanent):
    """A built SEG, SR or overlay did not pass the last gate; it is never sent."""


class NotOffered(Permanent):
    """A destination does not offer the service that was asked of it, to this node at least."""


class NotRetrieved(Permanent):
    """An archive shows an earlier radiograph, and does not give it: it is not compared with."""


class DamagedInSpool(Permanent):
    """A spooled file is gone, or its bytes are not those whose SHA-256 the ledger has.

    Reading again gives the same. What was built is built again; what was received must come again.
    """


class Transient(NodeError):
    """May pass: try again later."""

    dimse_status: ClassVar[int] = OUT_OF_RESOURCES


class SpoolUnavailable(Transient):
    """A file could not be written, synced or read."""


class SpoolUnreadable(Transient):
    """The disk is there and gives an I/O error for this file: a bad sector, perhaps a cable."""


class LedgerUnavailable(Transient):
    """The ledger could not be read or did not commit."""


class MemoryUnavailable(Transient):
    """There is no memory to work with, for a blank image neither: others have it."""


class OutOfMemory(Transient):
    """An image needs more memory than it got, where a blank one has enough."""


class BrokerUnavailable(Transient):
    """The broker did not take or give an id; the ledger still knows the job."""


class DestinationUnavailable(Transient):
    """A destination could not be reached, or the association with it was lost."""


class DestinationAway(DestinationUnavailable):
    """A destination takes nothing now, whatever is sent: not there, too busy, or nobody let in."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s  #: how long it asks to be left alone, at least


class ChannelFailed(Transient):
    """An alert could not be told by one of the channels."""


class WorkerDied(Transient):
    """The worker that held the job vanished: killed, out of memory, power lost."""


class ThreadEnded(Transient):
    """A thread that runs until told to stop ended before: its part ends, to be started again."""


def is_retriable(error: Exception, attempt: int) -> bool:
    """Whether work that raised `error` at its `attempt`-th try (from 1) is to be tried again."""
    if isinstance(error, Permanent | UsageError):
        return False
    if isinstance(error, OutOfMemory):
        return attempt < MEMORY_TRIES
    if isinstance(error, Transient) and not isinstance(error, WorkerDied | SpoolUnreadable):
        return True
    return attempt < UNKNOWN_TRIES


def is_away(error: Exception) -> bool:
    """Whether it says nothing of the work: what the work stands on was not there. No try counts."""
    away = SpoolUnavailable | LedgerUnavailable | BrokerUnavailable | MemoryUnavailable
    return isinstance(error, away)
