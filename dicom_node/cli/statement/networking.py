"""What the node takes and sends, how it answers and what it makes of answers (PS3.2 A.4)."""

from dicom_node import errors
from dicom_node.cli.statement.markdown import named, table
from dicom_node.config import Config, HandOverDestination
from dicom_node.config.profiles import PRESETS, STANDARD, TRANSFER_SYNTAXES, Profile
from dicom_node.delivery.outcome import Fate, fate_of, words
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.intake.rejection import KEY_OBJECT_SELECTION
from dicom_node.network.dimse import storage_classes
from inference.decoding.transfer_syntaxes import decodable
from sr_writer.kinds import KINDS, Kind

_KEPT = "kept, not analysed"
#: What of the classes that are sent is taken, beside what is kept.
_TAKEN_AS = {
    KEY_OBJECT_SELECTION: "rejection notes",
    SEGMENTATION: f"readers', where `[corrections]` says so; else {_KEPT}",
}
_VERIFICATION = "1.2.840.10008.1.1"
_COMMITMENT = "1.2.840.10008.1.20.1"
#: Study Root, FIND and GET.
_QUERY_RETRIEVE = ("1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3")
#: What each failure that a C-STORE can end with means to who sent it.
_ANSWERED = (
    (errors.SUCCESS, "on disk and in the ledger; it will be analysed", "may delete its copy"),
    (errors.INVALID_SOP_INSTANCE, "the request names no SOP Instance", "mend the instance"),
    (errors.OUT_OF_RESOURCES, "disk or database not to be had, or larger than `max_instance_mb`",
     "keep its copy and send again"),
    (errors.DATA_SET_DOES_NOT_MATCH, "data set and request name different instances",
     "mend the instance"),
    (errors.CANNOT_UNDERSTAND, "no data set that names its instance, study and series",
     "mend the instance"),
)  # fmt: skip
#: One of each class of statuses, PS3.4 table B.2-1, PS3.7 Annex C.
_STATUSES = (0x0000, 0xB000, 0xB006, 0xB007, 0x0107, 0x0111, 0x0110, 0x0124, 0x0213, 0xA700,
             0x0118, 0x0122, 0xA900, 0xC000)  # fmt: skip
_BEHAVIOUR = {
    Fate.DELIVERED: "counts as stored",
    Fate.AGAIN: "sent again, with growing pauses, until it is stored or `give_up_days` have passed",
    Fate.A_FEW_TIMES: "sent again four times within minutes, then refused for good",
    Fate.CLASS_REFUSED: "refused for good; what comes closest is sent in its place",
}


def services() -> str:
    """Of the overview, PS3.2 A.1."""
    rows: list[tuple[str, ...]] = [(*named(_VERIFICATION), "yes", "yes")]
    rows += [(*named(uid), "no", "yes") for uid in ANALYSED_SOP_CLASSES if uid not in _sent()]
    for uid in _sent():
        as_scp = _TAKEN_AS.get(uid, "yes" if uid in ANALYSED_SOP_CLASSES else _KEPT)
        rows.append((*named(uid), "yes", as_scp))
    rows.append(("every other class of the Storage Service", "", "no", _KEPT))
    rows += [(*named(uid), "yes", "no") for uid in (_COMMITMENT, *_QUERY_RETRIEVE)]
    return table(("SOP Class", "UID", "SCU", "SCP"), rows)


def taken() -> str:
    """Presentation contexts of what is analysed."""
    syntaxes = "; ".join(uid.name for uid in decodable())
    rows = [(*named(uid), syntaxes) for uid in ANALYSED_SOP_CLASSES]
    return table(("SOP Class", "UID", "transfer syntaxes"), rows)


def kept() -> str:
    """Presentation contexts of what is taken and kept, and not analysed."""
    others = sorted(storage_classes() - set(ANALYSED_SOP_CLASSES))
    return table(("SOP Class", "UID"), map(named, others))


def answers() -> str:
    """Statuses of a C-STORE-RSP of ours."""
    rows = ((f"{status:04X}H", meaning, remedy) for status, meaning, remedy in _ANSWERED)
    return table(("status", "meaning", "the sender should"), rows)


def sent(config: Config) -> str:
    """What destinations are offered: each of those configured, or every preset there is."""
    profiles = {f"preset `{name}`": profile for name, profile in PRESETS.items()}
    # Who is told a report in other words gets no object.
    dicom = [to for to in config.destinations if not isinstance(to, HandOverDestination)]
    if dicom:
        profiles = {to.name: to.profile for to in dicom}
    else:
        every = tuple(TRANSFER_SYNTAXES)
        syntaxes = ((*named(kind.sop_class_uid), _syntaxes(kind, every)) for kind in KINDS)
        contexts = table(("SOP Class", "UID", "transfer syntaxes that may be configured"), syntaxes)
        offered = ", ".join(STANDARD.transfer_syntaxes)
        return f"{contexts}\n\nWithout a setting: {offered}.\n\n{_outputs(profiles)}"
    rows = [
        (name, *named(kind.sop_class_uid), _syntaxes(kind, profile.transfer_syntaxes))
        for name, profile in profiles.items()
        for kind in KINDS
        if kind.role in profile.built
    ]
    contexts = table(("destination", "SOP Class", "UID", "transfer syntaxes"), rows)
    return f"{contexts}\n\n{_outputs(profiles)}"


def fates() -> str:
    """What becomes of an answer to a C-STORE of ours."""
    rows = (
        (f"{status:04X}H", words(status) or "Success", _BEHAVIOUR[fate_of(status)])
        for status in _STATUSES
    )
    rest = ("any other", "", _BEHAVIOUR[fate_of(0xCFFF)])
    return table(("status", "meaning", "behaviour"), (*rows, rest))


def parameters(config: Config) -> str:
    """`[node]`, PS3.2 A.4.4.2."""
    node = config.node
    keys = ("aet", "also_called", "host", "port", "max_associations",
            "max_associations_of_one_host", "association_timeout_s", "network_timeout_s",
            "max_instance_mb")  # fmt: skip
    return table(("parameter", "value"), ((f"`{key}`", _value(getattr(node, key))) for key in keys))


def _sent() -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind.sop_class_uid for kind in KINDS))


def _syntaxes(kind: Kind, names: tuple[str, ...]) -> str:
    profile = Profile(transfer_syntaxes=names)
    return "; ".join(named(uid)[0] for uid in profile.syntaxes_for(kind.role))


def _outputs(profiles: dict[str, Profile]) -> str:
    rows = (
        (name, ", ".join(profile.outputs),
         ", ".join(f"{new} for {old}" for new, old in profile.reserves.items()) or "nothing")
        for name, profile in profiles.items()
    )  # fmt: skip
    return table(("of", "is sent", "in place of what is not accepted"), rows)


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
