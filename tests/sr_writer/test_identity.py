"""A retry rebuilds the same instances; a new model gives new ones."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from inference.findings import Findings
from inference.pipeline import STANDARD, Pipeline
from sr_writer.kinds import USUAL
from sr_writer.results import Output, write_results
from tests.sr_writer.examples import (
    CREATED,
    EQUIPMENT,
    INFECTION_MODEL,
    LUNG_MODEL,
    findings,
    header,
    pixels,
    usual_results,
    with_uid,
    write,
)
from tests.sr_writer.reading import read


def uids(outputs: dict[str, Output]) -> set[str]:
    instances = {output.sop_instance_uid for output in outputs.values()}
    return instances | {output.series_instance_uid for output in outputs.values()}


def test_a_retry_gives_the_same_bytes() -> None:
    assert write(findings()) == write(findings()) == usual_results()


def test_a_later_try_gives_the_same_uids() -> None:
    found = findings()
    later = CREATED + timedelta(hours=5)
    outputs = write_results(header(), found, pixels(found), EQUIPMENT, later)
    assert uids({output.role: output for output in outputs}) == uids(usual_results())


def test_the_six_uids_differ() -> None:
    assert len(uids(usual_results())) == 6


def test_another_source_or_another_model_gives_new_uids() -> None:
    newer = replace(
        findings(), pipeline=Pipeline((replace(LUNG_MODEL, sha256="c" * 64), INFECTION_MODEL))
    )
    other = with_uid(findings(), "1.2.3.4.5")
    runs: list[Findings] = [findings(), newer, other]
    headers = [header(), header(), header(SOPInstanceUID="1.2.3.4.5")]
    names = [uids(write(found, dataset)) for found, dataset in zip(runs, headers, strict=True)]
    assert len(set.union(*names)) == 18


def test_the_tracking_uids_of_another_source_differ() -> None:
    first, second = (
        {s.TrackingUID for s in read(write(found)["SEG"]).SegmentSequence}
        for found in (findings(), with_uid(findings(), "1.2.3.4.5"))
    )
    assert first.isdisjoint(second)


def test_other_thresholds_give_new_uids() -> None:
    found = findings()
    settings = replace(STANDARD, infection_above=0.4)
    other = replace(found, pipeline=replace(found.pipeline, settings=settings))
    assert uids(write(found)).isdisjoint(uids(write(other)))


def test_a_report_says_the_thresholds_its_figures_rest_on() -> None:
    settings = replace(STANDARD, infection_above=0.4)
    found = findings()
    other = replace(found, pipeline=replace(found.pipeline, settings=settings))
    said = read(write(other)["SR"]).to_json()
    assert "infection_above=0.4" in said
    assert "lung_above=0.5" in said


def test_series_come_in_order_and_say_version_and_use() -> None:
    results = [read(output) for output in usual_results().values()]
    assert [result.Modality for result in results] == ["SEG", "SR", "OT"]
    assert [result.SeriesNumber for result in results] == [100, 200, 300]
    for result in results:
        assert "2026.11/2026.12" in result.SeriesDescription
        assert "not for diagnosis" in result.SeriesDescription
        assert len(result.SeriesDescription) <= 64


def test_names_of_any_length_fit_their_elements() -> None:
    long = replace(LUNG_MODEL, name="n" * 90, version="v" * 90)
    found = replace(findings(), pipeline=Pipeline((long, INFECTION_MODEL)))
    assert set(write(found)) == set(USUAL)


def test_every_output_is_in_the_sources_study_and_tells_itself() -> None:
    for role, output in usual_results().items():
        result = read(output)
        assert output.role == role
        assert output.study_instance_uid == result.StudyInstanceUID == header().StudyInstanceUID
        assert output.sop_instance_uid == result.SOPInstanceUID
        assert output.series_instance_uid == result.SeriesInstanceUID
        assert output.sop_class_uid == result.SOPClassUID
        assert output.transfer_syntax_uid == result.file_meta.TransferSyntaxUID


def test_naming_a_pipeline_loads_nothing_that_builds_objects() -> None:
    """The listener asks for it, and must start without the weight of the rest."""
    code = (
        "import sys, sr_writer.identity;"
        "print([m for m in ('highdicom', 'PIL', 'skimage', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_warming_up_goes_through_every_builder_and_the_gate() -> None:
    """It raises InvalidResult if what it writes no longer is what the gate takes."""
    code = (
        "import sys; from sr_writer.warmup import warm_up; warm_up();"
        "print(all(m in sys.modules for m in ('highdicom.seg', 'highdicom.sr', 'PIL.ImageFont')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
