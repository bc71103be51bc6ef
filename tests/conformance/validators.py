"""Other people's programs that check DICOM, and what they say of a file."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing


def program(name: str) -> str:
    """The path of a validator: on PATH, or installed beside this Python."""
    beside = Path(sys.executable).parent / name
    path = shutil.which(name) or (str(beside) if beside.is_file() else None)
    if path is None:
        packages = "dicom3tools, dcmtk, poppler-utils, pixelmed-apps; dcmqi is in dev"
        missing(f"{name} is not installed ({packages})")
    return path


def run(*arguments: str | Path) -> str:
    """What a program says, on either stream; it must end well."""
    done = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def dciodvfy(file: Path) -> list[str]:
    """The errors that dciodvfy finds; its exit code says nothing about them."""
    done = subprocess.run(
        [program("dciodvfy"), "-new", str(file)], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert said, "dciodvfy said nothing at all"
    return [line for line in said if line.startswith(("Error", "Abort"))]


def dsrdump(file: Path) -> list[str]:
    said = run(program("dsrdump"), file).splitlines()
    assert any("Imaging Measurement Report" in line for line in said)
    faults = [line for line in said if line.startswith(("E:", "W:", "F:"))]
    # This says what dsrdump cannot do, not what is wrong.
    return [line for line in faults if "VR checker does not support" not in line]
