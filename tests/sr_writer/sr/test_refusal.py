"""A report of what was refused and analysed all the same: it says so, decides nothing, or stays."""

from dataclasses import replace

import pytest

from inference.findings import Caution, Decision, Findings
from sr_writer.verify import InvalidResult
from tests.sr_writer.examples import faint, findings, write
from tests.sr_writer.reading import everything, read

REFUSAL = "not a frontal view (View Position LL)"


def refused(found: Findings, refusal: str = REFUSAL) -> Findings:
    return replace(
        found,
        decision=Decision.UNDETERMINED,
        reason=Caution.NOT_ELIGIBLE.says(refusal),
        certainty=None,
        cautions=(Caution.NOT_ELIGIBLE, *found.cautions),
        refusal=refusal,
    )


def test_it_opens_with_why_it_was_refused() -> None:
    report = read(write(refused(findings()))["SR"])
    said = [str(item.TextValue) for item in everything(report) if item.ValueType == "TEXT"]
    sentence = f"Analysed at a person's request although: {REFUSAL}."
    assert said.count(sentence) == 2  # summary and caution
    assert f"Undetermined. {sentence}" in said


def test_its_uids_are_those_of_no_other_analysis() -> None:
    regular, on_request = write(findings()), write(refused(findings()))
    otherwise = write(refused(findings(), "not the chest (Body Part Examined HIP)"))
    uids = {
        uid
        for outputs in (regular, on_request, otherwise)
        for output in outputs.values()
        for uid in (output.sop_instance_uid, output.series_instance_uid)
    }
    assert len(uids) == 2 * sum(map(len, (regular, on_request, otherwise)))


def test_a_verdict_of_what_was_refused_never_leaves() -> None:
    decided = replace(findings(), refusal=REFUSAL, cautions=(Caution.NOT_ELIGIBLE,))
    with pytest.raises(InvalidResult, match="it decides positive of an image that was not to be"):
        write(decided)


def test_nor_does_a_report_that_does_not_say_so() -> None:
    silent = replace(faint(), refusal=REFUSAL)
    with pytest.raises(InvalidResult, match="does not say that the image was not to be analysed"):
        write(silent)
