"""What is installed by hash: the versions of constraints.txt, of all that the project asks for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: There is a build of these for each kind of machine.
TORCH = {"torch", "torchvision"}
FILES = {
    "listen.txt": PROJECT["dependencies"],
    "listen-postgres.txt": [
        *PROJECT["dependencies"],
        *(wanted for extra in ("handover", "postgres") for wanted in EXTRAS[extra]),
    ],
    "worker.txt": [
        *PROJECT["dependencies"],
        *(wanted for extra in ("worker", "handover", "postgres") for wanted in EXTRAS[extra]),
    ],
    "all.txt": [
        *PROJECT["dependencies"],
        *(
            wanted
            for extra in ("worker", "train", "postgres", "handover", "dev")
            for wanted in EXTRAS[extra]
        ),
    ],
}


def name_of(requirement: str) -> str:
    """As PyPA normalises it, without extras and versions."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pinned(path: Path) -> dict[str, str]:
    """Versions by name; a hash stands on a line of its own, and a marker behind the version."""
    lines = (line for line in path.read_text("utf-8").splitlines() if re.match(r"\w", line))
    return {name_of(line): line.split("==")[1].split()[0] for line in lines}


CONSTRAINTS = pinned(ROOT / "constraints.txt")


@pytest.mark.parametrize("file", FILES)
def test_hashed_are_the_versions_of_the_constraints(file: str) -> None:
    hashed = pinned(ROOT / "requirements" / file)
    assert hashed == {name: CONSTRAINTS.get(name) for name in hashed}


@pytest.mark.parametrize("file", FILES)
def test_all_that_is_asked_for_is_hashed_but_torch_and_what_comes_with_it(file: str) -> None:
    hashed = pinned(ROOT / "requirements" / file)
    wanted = {name_of(requirement) for requirement in FILES[file]} - TORCH - {"cxr-node"}
    assert wanted <= hashed.keys()
    assert not [name for name in hashed if re.match("torch|triton|cuda|nvidia", name)]


@pytest.mark.parametrize("file", FILES)
def test_every_package_has_a_hash_and_none_a_place_it_comes_from(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text("utf-8")
    entries = re.split(r"^(?=\w)", text, flags=re.M)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "--index" not in text


def test_a_host_that_listens_gets_no_more_than_all() -> None:
    fewer, some, more, every = (
        pinned(ROOT / "requirements" / file).items()
        for file in ("listen.txt", "listen-postgres.txt", "worker.txt", "all.txt")
    )
    assert fewer < some < more < every
