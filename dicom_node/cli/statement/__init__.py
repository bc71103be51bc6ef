"""The Conformance Statement: prose in statement.md, and in its gaps the tables that the code gives.

`networking` says what is taken and sent, `headers` what is read of an instance, `objects` what is
in those that are sent, `terms` in which codes.
"""

from importlib.metadata import version
from pathlib import Path
from string import Template

from dicom_node.cli.node.opening import equipment_of
from dicom_node.cli.statement import headers, networking, objects, terms
from dicom_node.config import Config
from sr_writer.output import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_PROSE = Path(__file__).parent / "statement.md"


def statement(config: Config) -> str:
    """Markdown, in the sections of PS3.2 Annex A."""
    equipment = equipment_of(config)
    return Template(_PROSE.read_text("utf-8")).substitute(
        version=version("cxr-node"),
        manufacturer=equipment.manufacturer,
        model_name=equipment.model_name,
        aet=config.node.aet,
        port=config.node.port,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        network_services=networking.services(),
        taken=networking.taken(),
        kept=networking.kept(),
        answers=networking.answers(),
        sent=networking.sent(config),
        fates=networking.fates(),
        parameters=networking.parameters(config),
        used=headers.used(),
        inherited=objects.inherited(),
        objects=objects.attributes(equipment),
        private_terms=terms.private(),
        standard_terms=terms.standard(),
    )
