"""What is released: the wheel and the sdist are whole, and CHANGELOG speaks of them.

Nothing is installed here: `deploy/INSTALL.md` says what was tried of it.
"""

import re
from pathlib import Path

import pytest

from tests.release import (
    ROOT,
    build,
    faults_of_changes,
    faults_of_sdist,
    faults_of_wheel,
    tracked,
    version,
)


@pytest.mark.slow
def test_wheel_and_sdist_have_all_that_a_node_needs(tmp_path: Path) -> None:
    sdist, wheel = build(tmp_path)
    assert [*faults_of_sdist(sdist), *faults_of_wheel(wheel)] == []
    assert wheel.name == f"cxr_node-{version()}-py3-none-any.whl"


def test_weights_migrations_and_texts_are_among_what_is_looked_for() -> None:
    """The list that a wheel is compared with is git's: an empty one would be satisfied by none."""
    names = tracked("dicom_node", "inference", "sr_writer")
    for ending in ("weights.safetensors", "card.json", "statement.md", "0001_first_ledger.py"):
        assert any(name.endswith(ending) for name in names), ending


def test_the_changes_of_this_version_are_told() -> None:
    assert [*faults_of_changes(is_release=False)] == []


def test_the_version_is_said_in_one_place() -> None:
    """Everything else asks the metadata of what is installed."""
    said = [
        name
        for name in tracked("dicom_node", "inference", "sr_writer", "deploy", "Makefile")
        if name.endswith((".py", "Dockerfile", ".sh", ".yaml", "Makefile"))
        and re.search(
            rf"(?<![\d.]){re.escape(version())}(?![\d.])", (ROOT / name).read_text("utf-8")
        )
    ]
    assert said == []
