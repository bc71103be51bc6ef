"""A report whose observer is a person: who observed, what was counted, and nothing of networks."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from inference.findings import Decision
from sr_writer.output import Output
from sr_writer.verify.content import items_below
from tests.sr_writer.examples import findings, write
from tests.sr_writer.read_by_a_person import BEFORE, DRAWN, drawn, read


def dataset_of(output: Output) -> Dataset:
    return dcmread(BytesIO(output.content))


def observer(report: Dataset) -> list[str]:
    return [str(item.PersonName) for item in items_below(report) if item.ValueType == "PNAME"]


def test_the_person_is_the_only_observer() -> None:
    report = dataset_of(read("SR")["SR"])
    assert observer(report) == ["Rontgen^Anna"]
    names = [item.ConceptNameCodeSequence[0].CodeMeaning for item in report.ContentSequence]
    assert not [name for name in names if name.startswith("Device Observer")]


def test_it_names_no_network_and_no_processing() -> None:
    report = dataset_of(read("SR")["SR"])
    meanings = {
        item.ConceptNameCodeSequence[0].CodeMeaning
        for item in items_below(report)
        if "ConceptNameCodeSequence" in item
    }
    assert not {name for name in meanings if "Algorithm" in name or "CAD" in name}
    made = [item.ManufacturerModelName for item in report.ContributingEquipmentSequence]
    assert len(made) == len(dataset_of(write(findings())["SR"]).ContributingEquipmentSequence) - 2


def test_it_refers_to_what_was_drawn_and_to_the_report_before() -> None:
    report = dataset_of(read("SR")["SR"])
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    masks = study.ReferencedSeriesSequence[1]
    assert masks.SeriesInstanceUID == DRAWN.series_instance_uid
    (instance,) = masks.ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == DRAWN.sop_instance_uid
    (before,) = report.PredecessorDocumentsSequence
    assert before.StudyInstanceUID == BEFORE.study_instance_uid


def test_it_is_another_instance_in_another_series_than_the_nodes() -> None:
    ours, reader = write(findings())["SR"], read("SR")["SR"]
    assert ours.sop_instance_uid != reader.sop_instance_uid
    assert ours.series_instance_uid != reader.series_instance_uid
    assert "a reader's correction" in dataset_of(reader).SeriesDescription


@pytest.mark.parametrize(
    ("author", "language", "said"),
    [
        ("", "SR", "Reader^Unnamed"),
        ("Müller^Jörg", "SR", "Mueller^Joerg"),
        ("Müller^Jörg", "SR@de", "Müller^Jörg"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "SR", "Yamada^Tarou"),
        ("山田^太郎", "SR", "Reader^Unnamed"),
    ],
    ids=["none", "English", "German", "three writings", "no Latin letters"],
)
def test_a_name_is_in_the_letters_that_there_are(author: str, language: str, said: str) -> None:
    report = dataset_of(read(language, author=author)[language])
    assert observer(report) == [said]


@pytest.mark.parametrize("language", ["SR", "SR@de", "SR@fr", "SR@es"])
def test_every_language_says_whose_it_is(language: str) -> None:
    report = dataset_of(read(language)[language])
    said = " ".join(str(item.get("TextValue", "")) for item in items_below(report))
    whose = {"SR": "A reader has drawn", "SR@de": "Ein Befunder hat", "SR@fr": "Un lecteur a",
             "SR@es": "Un lector ha"}  # fmt: skip
    assert whose[language] in said


def test_a_reader_may_find_nothing() -> None:
    report = dataset_of(read("SR", found=drawn(Decision.NEGATIVE))["SR"])
    codes = [item.ConceptCodeSequence[0].CodeMeaning for item in items_below(report)
             if item.ValueType == "CODE"]  # fmt: skip
    assert "Absent" in codes
