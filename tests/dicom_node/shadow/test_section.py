"""`[shadow]`: which pipeline leads, which is tried, and what contradicts that."""

from typing import Any

import pytest

from dicom_node.cli.node.opening import pipeline_of, shadow_pipeline_of
from dicom_node.cli.node.parts import Part, parts_of
from dicom_node.config import Config, parse
from dicom_node.errors import ConfigError


def of(shadow: dict[str, Any], **models: Any) -> Config:
    return parse({"node": {"state": "/s", "no_destination": True}, "shadow": shadow,
                  "models": models})  # fmt: skip


def test_nothing_is_tried_unless_it_differs() -> None:
    config = of({})
    assert config.shadowing is None
    assert config.leading == config.models
    assert Part.SHADOW not in parts_of(config)
    assert shadow_pipeline_of(config) == ""


def test_what_is_tried_is_as_models_but_for_what_it_says() -> None:
    config = of({"positive_above": 0.7}, negative_below=0.1)
    tried = config.shadowing
    assert tried is not None
    assert (tried.negative_below, tried.positive_above) == (0.1, 0.7)
    assert config.leading.positive_above == 0.9
    assert Part.SHADOW in parts_of(config)
    assert shadow_pipeline_of(config) not in ("", pipeline_of(config))


def test_one_setting_exchanges_the_two_and_leads_back() -> None:
    tried, led = (of({"positive_above": 0.7, "leads": leads}) for leads in (False, True))
    there = pipeline_of(tried), shadow_pipeline_of(tried)
    assert (pipeline_of(led), shadow_pipeline_of(led)) == there[::-1]


def test_what_says_the_same_as_models_is_nothing_to_try() -> None:
    assert shadow_pipeline_of(of({"positive_above": 0.9})) == ""


@pytest.mark.parametrize(
    ("shadow", "fault"),
    [
        ({"leads": True}, "[shadow] leads is of no use without a pipeline that differs"),
        ({"positive_above": 0.1}, "positive_above 0.1, less than negative_below, 0.2"),
        ({"days": 0}, "days"),
    ],
    ids=["leads with nothing", "no point", "no days"],
)
def test_what_cannot_be_is_said(shadow: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        of(shadow)
    assert fault in str(raised.value)
