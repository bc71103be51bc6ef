"""What a release is made of, built and judged: `make release` and `make wheel` end with this.

The sdist is built of what git knows, and the wheel of the unpacked sdist, so that nothing which
lies about in a working tree gets into either, and nothing is missing that only git has.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PACKAGES = ("dicom_node", "inference", "sr_writer")
#: What the sdist has besides the packages; from it a node is installed and run.
BESIDE = ("deploy", "requirements", "constraints.txt", "Makefile", "README.md", "LICENSE")
#: Setuptools alone, which is installed by its hash: nothing is fetched to build.
_BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""
_UNRELEASED = "Unreleased"


def version() -> str:
    """The one place it is said."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def tracked(*under: str) -> list[str]:
    """Files that git knows, by their path from the root."""
    found = _git("ls-files", "-z", "--", *under).split("\0")
    return sorted(name for name in found if name and (ROOT / name).is_file())


def build(dist: Path) -> tuple[Path, Path]:
    """The sdist and the wheel, in `dist`; the same commit gives the same bytes."""
    dist.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        sources = Path(folder) / "sources"
        for name in tracked():
            if not name.startswith("tests/"):
                (sources / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, sources / name)
        sdist = _build("build_sdist", sources, dist)
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder) / sdist.name.removesuffix(".tar.gz")
        return sdist, _build("build_wheel", unpacked, dist)


def faults_of_wheel(wheel: Path) -> Iterator[str]:
    """What the wheel lacks, or has and should not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = archive.read(metadata).decode()
        entries = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    packaged = {name for name in names if ".dist-info/" not in name}
    wanted = set(tracked(*PACKAGES))
    yield from (f"the wheel lacks {name}" for name in sorted(wanted - packaged))
    yield from (f"the wheel has {name}, which git has not" for name in sorted(packaged - wanted))
    if f"\nVersion: {version()}\n" not in said:
        yield f"the wheel is not of version {version()}"
    if "cxr-node = dicom_node.__main__:main" not in entries:
        yield "the wheel brings no command cxr-node"
    for extra in ("worker", "postgres", "jpeg12"):
        if f"\nProvides-Extra: {extra}\n" not in said:
            yield f"the wheel has no extra {extra}"


def faults_of_sdist(sdist: Path) -> Iterator[str]:
    """What the sdist lacks of all that installs, runs and explains a node."""
    root = sdist.name.removesuffix(".tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(f"{root}/") for name in archive.getnames()}
    wanted = set(tracked(*PACKAGES, *BESIDE, "pyproject.toml"))
    yield from (f"the sdist lacks {name}" for name in sorted(wanted - names))


def faults_of_changes(*, is_release: bool) -> Iterator[str]:
    """Whether CHANGELOG speaks of this version: a release has a heading of its own, at the top."""
    text = (ROOT / "deploy" / "CHANGELOG.md").read_text("utf-8")
    headings: list[str] = re.findall(r"^## (\S+)", text, re.M)
    newest = headings[0].rstrip(",") if headings else "nothing"
    if newest == _UNRELEASED and not is_release:
        return
    if newest != version():
        yield f"CHANGELOG begins with {newest}, pyproject.toml says {version()}"


def _build(what: str, sources: Path, dist: Path) -> Path:
    environment = os.environ | {"SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct").strip()}
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, what, str(dist.resolve())],
        cwd=sources, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return dist / done.stdout.splitlines()[-1]


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
    ).stdout


def main() -> int:
    """Build into the folder named; 1 where anything is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    parser.add_argument("--unreleased", action="store_true", help="CHANGELOG may say Unreleased")
    arguments = parser.parse_args()
    faults = [*faults_of_changes(is_release=not arguments.unreleased)]
    if not arguments.unreleased and _git("status", "--porcelain").strip():
        faults.append("the working tree has changes that are not committed")
    if not faults:
        sdist, wheel = build(arguments.dist)
        faults = [*faults_of_sdist(sdist), *faults_of_wheel(wheel)]
        for made in (sdist, wheel):
            print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
