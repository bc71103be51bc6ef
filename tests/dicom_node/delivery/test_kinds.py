"""The kinds of destination that the node brings."""

from dicom_node.config import DESTINATION_SETTINGS
from dicom_node.delivery.kinds import DESTINATION_KINDS, settings_of


def test_the_configuration_and_the_sender_know_the_same_kinds() -> None:
    assert settings_of(DESTINATION_KINDS) == DESTINATION_SETTINGS
