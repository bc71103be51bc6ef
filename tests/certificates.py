"""Certificates as a hospital's authority issues them, made for each test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dicom_node.network.tls import Files


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, in one folder with the authority's."""

    certificate: Path
    key: Path
    trusted: Path  #: the authority's own
    serial: int

    def with_revoked(self, path: Path) -> Files:
        return Files(self.certificate, self.key, self.trusted, path)

    @property
    def files(self) -> Files:
        return Files(self.certificate, self.key, self.trusted)


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        # DCMTK 3.6.7 wants RSA or a curve it knows: RSA, as hospitals' authorities issue.
        self._ca = trustme.CA(key_type=trustme.KeyType.RSA)
        self.path = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.path))

    def issue(self, name: str, to: str = "127.0.0.1", valid: timedelta | None = None) -> Issued:
        """`valid`: from now on; before it, where it is negative."""
        end = None if valid is None else datetime.now(UTC) + valid
        start = None if end is None else end - timedelta(days=400)
        made = self._ca.issue_cert(
            to, common_name=name, not_before=start, not_after=end, key_type=trustme.KeyType.RSA
        )
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key", self.path,
                        _certificate(made.cert_chain_pems[0].bytes()).serial_number)  # fmt: skip
        # Written beside and renamed: whoever reads meanwhile sees one or the other.
        for path, content in (
            (issued.key, made.private_key_pem.bytes()),
            (issued.certificate, b"".join(pem.bytes() for pem in made.cert_chain_pems)),
        ):
            temporary = path.with_suffix(".new")
            temporary.write_bytes(content)
            temporary.replace(path)
        return issued

    def revoke(self, *issued: Issued, valid: timedelta = timedelta(days=7)) -> Path:
        """A list of these; `valid`: from now on, before it where that is negative."""
        end = datetime.now(UTC) + valid
        issuer = _certificate(self._ca.cert_pem.bytes())
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=issuer.subject, last_update=end - timedelta(days=8), next_update=end
        )
        for one in issued:
            revoked = x509.RevokedCertificateBuilder(one.serial, datetime.now(UTC))
            builder = builder.add_revoked_certificate(revoked.build())
        made = builder.sign(key, hashes.SHA256())
        path = self._folder / "revoked.pem"
        temporary = path.with_suffix(".new")
        temporary.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return temporary.replace(path)


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)
