"""Authorities and certificates for tests, made by OpenSSL's own program."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import missing


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates; who trusts `certificate` trusts them."""

    folder: Path
    certificate: Path
    key: Path

    def issue(self, name: str, alternative: str = "IP:127.0.0.1", days: int = 2) -> Identity:
        identity = Identity(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", identity.key, "-out", request)  # fmt: skip
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                 "-CAcreateserial", "-days", days, "-extfile", extensions,
                 "-out", identity.certificate)  # fmt: skip
        return identity


def authority(folder: Path, name: str = "authority") -> Authority:
    """One that nobody trusts yet."""
    if shutil.which("openssl") is None:
        missing("openssl is not installed")
    made = Authority(folder, folder / f"{name}.pem", folder / f"{name}.key")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
             "-days", 2, "-keyout", made.key, "-out", made.certificate)  # fmt: skip
    return made


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
