"""Where `cxr-node doctor` says that a key stands; no value is quoted."""

from pathlib import Path

from dicom_node.cli.checks.check import Key
from dicom_node.cli.checks.lines import Lines

TEXT = """\
# port = 1
[node]
state = "s"
  port=104

[[destination]]
aet = "A"
[ledger]
"url" = "postgresql://cxr:secret@h/db"
[[ destination ]]
port = 2
"""


def lines(folder: Path) -> Lines:
    path = folder / "node.toml"
    path.write_text(TEXT)
    return Lines(path)


def test_a_key_is_found_in_its_section_however_it_is_written(tmp_path: Path) -> None:
    found, file = lines(tmp_path), tmp_path / "node.toml"
    assert found.where(Key("node", "port")) == f"{file} line 4, [node] port"
    assert found.where(Key("destination", "aet", 0)) == f"{file} line 7, [[destination]] aet"
    assert found.where(Key("destination", "port", 1)) == f"{file} line 11, [[destination]] port"
    assert found.where(Key("ledger", "url")) == f"{file} line 9, [ledger] url"


def test_a_key_that_is_not_there_is_to_be_added(tmp_path: Path) -> None:
    found, file = lines(tmp_path), tmp_path / "node.toml"
    below = f"{file}, [[destination]] port: to be added below line 6"
    assert found.where(Key("destination", "port", 0)) == below
    assert found.where(Key("spool", "folder")) == f"{file}, [spool] folder: to be added"


def test_without_a_file_the_key_is_named() -> None:
    assert Lines(None).where(Key("node", "port")) == "[node] port"


def test_no_value_is_quoted(tmp_path: Path) -> None:
    assert "secret" not in lines(tmp_path).where(Key("ledger", "url"))
