"""Any subset of the outputs, in any number of calls, is the same outputs."""

import subprocess
import sys
from dataclasses import replace

import pytest

from inference.findings import Decision
from inference.pipeline import Pipeline
from sr_writer.kinds import KINDS, USUAL
from sr_writer.results import Results, write_results
from tests.sr_writer.examples import (
    CREATED,
    EQUIPMENT,
    ROLES,
    all_results,
    bare_header,
    findings,
    header,
    pixels,
    write,
)
from tests.sr_writer.reading import read


def test_a_retry_of_every_role_gives_the_same_bytes() -> None:
    assert write(findings(), roles=ROLES) == all_results()


def test_each_role_alone_is_the_same_as_among_all() -> None:
    for role, output in all_results().items():
        assert write(findings(), roles=(role,)) == {role: output}


def test_several_calls_give_what_one_call_gives() -> None:
    found = findings()
    results = Results(header(), found, pixels(found), EQUIPMENT, CREATED)
    first, then = results.write(("SR", "SEG")), results.write({"DOC", "SC"})
    assert [output.role for output in (*first, *then)] == ["SEG", "SR", "SC", "DOC"]
    assert all(all_results()[output.role] == output for output in (*first, *then))


def test_usual_is_segmentation_report_and_overlay() -> None:
    found = findings()
    outputs = write_results(header(), found, pixels(found), EQUIPMENT, CREATED)
    assert tuple(output.role for output in outputs) == USUAL == ("SEG", "SR", "SC")


@pytest.mark.parametrize("decision", [Decision.NEGATIVE, Decision.UNDETERMINED])
def test_what_is_not_positive_is_not_of_interest(decision: Decision) -> None:
    assert set(write(findings(decision), roles=ROLES)) == set(ROLES) - {"KO"}
    assert write(findings(decision), roles=("KO",)) == {}


def test_an_image_in_colours_has_no_grayscale_presentation_state() -> None:
    coloured = header("SC", PhotometricInterpretation="RGB")
    assert set(write(findings(), coloured, ROLES)) == set(ROLES) - {"PR"}


@pytest.mark.parametrize("kind", ["CR", "DX", "SC"])
def test_the_barest_header_gives_every_output(kind: str) -> None:
    dataset = bare_header(kind)
    assert set(write(findings(), dataset, ROLES)) == set(ROLES)
    assert dataset == bare_header(kind)


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (1300, 7)])
def test_images_of_any_size_give_every_output(shape: tuple[int, int]) -> None:
    found = findings(Decision.NEGATIVE, shape=shape)
    assert set(write(found, roles=ROLES)) == set(ROLES) - {"KO"}


def test_every_role_has_a_class_a_number_and_a_series_of_its_own() -> None:
    results = [read(output) for output in all_results().values()]
    assert [result.SeriesNumber for result in results] == [kind.series_number for kind in KINDS]
    assert [result.SOPClassUID for result in results] == [kind.sop_class_uid for kind in KINDS]
    uids = {uid for result in results for uid in (result.SOPInstanceUID, result.SeriesInstanceUID)}
    assert len(uids) == 2 * len(ROLES)


def test_however_long_a_version_the_description_says_not_for_diagnosis() -> None:
    found = findings()
    models = tuple(replace(model, version="v" * 90) for model in found.models)
    renamed = replace(found, pipeline=Pipeline(models))
    for output in write(renamed, roles=ROLES).values():
        description = read(output).SeriesDescription
        assert description.endswith(", not for diagnosis")
        assert len(description) <= 64
        # Half a version would be another's.
        assert "v" * 3 not in description


def test_pages_are_only_loaded_when_one_is_wanted() -> None:
    code = (
        "import sys; from sr_writer.warmup import warm_up; warm_up();"
        "print('reportlab' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
