"""The node's configuration: one TOML file, secrets from the environment, validated whole.

`deploy/node.toml` comments every key. Nothing starts until every fault has been named.
"""

from dicom_node.config.destination import DESTINATION_SETTINGS, AnyDestination, Destination
from dicom_node.config.reading import BROKER_URL_VARIABLE, LEDGER_URL_VARIABLE, load, parse
from dicom_node.config.sections import (
    ANY_TITLE,
    BrokerSection,
    Caller,
    Config,
    EquipmentSection,
    LedgerSection,
    ModelsSection,
    NodeSection,
    Reports,
    SpoolSection,
    WorkerSection,
)
from dicom_node.config.urls import EMBEDDED_BROKER, ServiceUrl

__all__ = [
    "ANY_TITLE",
    "BROKER_URL_VARIABLE",
    "DESTINATION_SETTINGS",
    "EMBEDDED_BROKER",
    "LEDGER_URL_VARIABLE",
    "AnyDestination",
    "BrokerSection",
    "Caller",
    "Config",
    "Destination",
    "EquipmentSection",
    "LedgerSection",
    "ModelsSection",
    "NodeSection",
    "Reports",
    "ServiceUrl",
    "SpoolSection",
    "WorkerSection",
    "load",
    "parse",
]
