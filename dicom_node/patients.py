"""A patient as the ledger knows one: keyed hashes of Patient ID, with its Issuer and without.

With it all images of a patient are found by whoever knows the ID, and the ID by nobody who has the
ledger. A plain hash would not do: Patient IDs are few enough to try them all. The key lies in the
spool, not in the ledger: all hosts have the spool, a copy or backup of the ledger goes without the
key, and whoever can read the spool has the images themselves, where the ID is written.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from dicom_node.spool import Spool


@dataclass(frozen=True, slots=True)
class Patients:
    """Gives patients their hashes, the same on every host that has the spool."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, spool: Spool) -> "Patients":
        """With the installation's key; raises SpoolUnavailable."""
        return cls(spool.key())

    def hash(self, patient_id: str, issuer: str = "") -> str:
        """64 lower-case hex digits; "" where there is no ID."""
        if not patient_id:
            return ""
        # NUL is in neither: AB of C is not A of BC.
        said = f"{issuer}\0{patient_id}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, said, hashlib.sha256).hex()
