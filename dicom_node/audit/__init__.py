"""Audit messages of DICOM (PS3.15 A.5): who touched which patient's images, for those who may ask.

    trail.record(events.accessed(user, subject, "shown on the status page"))

`events` makes messages, `message` is what one is and its XML, `subject` reads whom an instance is
of, `trail` keeps messages until they are told; `backlog`, `syslog` and `targets` are how. They name
patients, so they go nowhere but where `[audit]` says: neither to the log nor to the ledger.
"""

from dicom_node.audit.message import Message, Participant
from dicom_node.audit.subject import Subject, subject_of
from dicom_node.audit.trail import Trail

__all__ = ["Message", "Participant", "Subject", "Trail", "subject_of"]
