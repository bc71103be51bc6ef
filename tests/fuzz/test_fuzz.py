"""A short form of `make fuzz`: none crashes or hangs the node, or gets Success while being lost."""

from pathlib import Path

import pytest

from tests.fuzz.runs import fuzz_decoder, fuzz_listener, fuzzed, leftovers

pytestmark = pytest.mark.slow


def test_no_changed_association_harms_the_listener(tmp_path: Path) -> None:
    with fuzzed(tmp_path) as node:
        fuzz_listener(node, 100)
        assert node.echoes()
        assert leftovers(node) == []


def test_no_changed_file_harms_the_decoder(tmp_path: Path) -> None:
    fuzz_decoder(150, tmp_path / "tried.dcm")
