"""Orthanc, a real archive, in a network of its own.

Orthanc 1.10 listens on every address whatever it is told. So what runs beside it runs in a network
namespace: a test calls `run_in_own_network` with a module, whose `main` uses `running_orthanc`.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from dicom_node.demo.node import free_port
from tests.conftest import missing
from tests.system.waiting import wait_until

STORESCU = "/usr/bin/storescu"
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
#: A user namespace, so that it needs no root; in it a network with nothing but loopback.
ISOLATE = [
    "unshare",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    'ip link set lo up && exec "$@"',
    "sh",
]
_PROPOSE = {
    JPEGLosslessSV1: ["--propose-lossless"],
    JPEGBaseline8Bit: ["--propose-jpeg8"],
    JPEGLSLossless: ["--propose-jls-lossless"],
    RLELossless: ["--propose-rle"],
}


def run_in_own_network(module: str, *arguments: str, timeout_s: float = 600) -> Any:
    """What `python -m module` says, as JSON in its last line, in a network with Orthanc alone."""
    for program in ("Orthanc", "unshare", "ip", STORESCU, "/usr/bin/echoscu"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    if subprocess.run([*ISOLATE, "true"], capture_output=True).returncode != 0:
        missing("this system allows no network namespace of one's own")
    command = [*ISOLATE, sys.executable, "-m", module, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running one, and its REST API."""

    http_port: int
    dicom_port: int
    headers: Mapping[str, str] = field(default_factory=dict)  #: of every request

    def read(self, path: str) -> bytes:
        return self.read_with_type(path, {})[1]

    def read_with_type(self, path: str, headers: Mapping[str, str]) -> tuple[str, bytes]:
        """The media type of the answer, and the answer."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        request = urllib.request.Request(url, headers={**self.headers, **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers["Content-Type"]), bytes(answer.read())

    def get(self, path: str) -> Any:
        return json.loads(self.read(path))

    def is_up(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False


@contextmanager
def running_orthanc(
    folder: Path,
    *,
    dicom_port: int = 0,
    headers: Mapping[str, str] = MappingProxyType({}),
    **changes: Any,
) -> Iterator[Orthanc]:
    """With DICOMweb where that is installed; `folder` gets its files and its log, and holds what
    an earlier one there was sent.

    `dicom_port` 0 picks a free one; `headers` are for asking it; `changes` are
    further keys of its configuration.
    """
    orthanc = Orthanc(free_port(), dicom_port or free_port(), headers)
    configuration = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": orthanc.http_port,
        "DicomPort": orthanc.dicom_port,
        "DicomAet": "ORTHANC",
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "Plugins": [str(DICOMWEB)] if DICOMWEB.exists() else [],
        **changes,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
        try:
            wait_until(orthanc.is_up, 60, "Orthanc to answer")
            yield orthanc
        finally:
            process.terminate()
            process.wait()


def storescu(path: Path, aet: str, port: int) -> "subprocess.CompletedProcess[str]":
    """Send one file as it is: storescu proposes only uncompressed syntaxes unless told.

    Nor does it propose all SOP Classes at once, hence -R: only what the file needs.
    """
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    options = [*_PROPOSE.get(syntax, ()), "-R", "-aec", aet]
    command = [STORESCU, *options, "127.0.0.1", str(port), str(path)]
    return subprocess.run(command, capture_output=True, text=True)
