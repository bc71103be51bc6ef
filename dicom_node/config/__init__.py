"""The node's configuration: one TOML file, secrets from the environment, validated whole.

`deploy/node.toml` comments every key. Nothing starts until every fault has been named.
"""

from dicom_node.config.alerting import AlertsSection, NotifySection
from dicom_node.config.audit import AuditSection
from dicom_node.config.destination import AnyDestination, Destination, PortDestination
from dicom_node.config.handover import FhirDestination, HandOverDestination, Hl7Destination
from dicom_node.config.monitor import MonitorSection, Role, User, role_of
from dicom_node.config.networks import ModelsSection, ShadowSection
from dicom_node.config.node import ANY_TITLE, NodeSection
from dicom_node.config.places import BrokerSection, LedgerSection, SpoolSection
from dicom_node.config.reading import (
    BROKER_URL_VARIABLE,
    DESTINATION_SETTINGS,
    LEDGER_URL_VARIABLE,
    load,
    parse,
)
from dicom_node.config.sections import (
    Caller,
    Config,
    CorrectionsSection,
    EquipmentSection,
    PrioritySection,
    PriorsSection,
    Reports,
    RetentionSection,
    TlsSection,
    WorkerSection,
)
from dicom_node.config.urls import EMBEDDED_BROKER, ServiceUrl
from dicom_node.config.web import ServerDestination, WebDestination

__all__ = [
    "ANY_TITLE",
    "BROKER_URL_VARIABLE",
    "DESTINATION_SETTINGS",
    "EMBEDDED_BROKER",
    "LEDGER_URL_VARIABLE",
    "AlertsSection",
    "AnyDestination",
    "AuditSection",
    "BrokerSection",
    "Caller",
    "Config",
    "CorrectionsSection",
    "Destination",
    "EquipmentSection",
    "FhirDestination",
    "HandOverDestination",
    "Hl7Destination",
    "LedgerSection",
    "ModelsSection",
    "MonitorSection",
    "NodeSection",
    "NotifySection",
    "PortDestination",
    "PrioritySection",
    "PriorsSection",
    "Reports",
    "RetentionSection",
    "Role",
    "ServerDestination",
    "ServiceUrl",
    "ShadowSection",
    "SpoolSection",
    "TlsSection",
    "User",
    "WebDestination",
    "WorkerSection",
    "load",
    "parse",
    "role_of",
]
