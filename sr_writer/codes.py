"""Every coded concept the results use, in one table (PS3.16 CIDs; SNOMED CT; UCUM).

The meanings are the dictionary's own, word for word: a reader may compare them.
"""

from collections.abc import Mapping

from pydicom.sr.coding import Code

from inference.findings import Decision, Laterality

#: Our coding scheme, for what no standard scheme names. It is identified in every SR
#: (0008,0110), so that a reader who meets it can tell whose it is.
PRIVATE_SCHEME = "99CXRNODE"
PRIVATE_SCHEME_NAME = "CXR node private concepts"

# What is measured. No standard concept says "share of the lung's projected area that is opaque":
# 112017 and 112018 mean other things and are not borrowed. The meanings are short because OHIF
# writes them beside the lungs.
INFECTED_PERCENT = Code("INFPERC", PRIVATE_SCHEME, "Infected lung area")
INFECTED_PIXELS = Code("INFPIX", PRIVATE_SCHEME, "Infected lung pixels")
#: Of one lung (inference.findings.extent_grade); the scale is in its unit.
EXTENT_GRADE = Code("EXTGRADE", PRIVATE_SCHEME, "Extent grade, this node's")
AREA = Code("42798000", "SCT", "Area")
#: How probable infection is (inference.extent), as CAD reports say it (TID 4004).
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")

#: Percentage points of it, against the last earlier radiograph.
CHANGE = Code("INFCHANGE", PRIVATE_SCHEME, "Change since prior")

PERCENT = Code("%", "UCUM", "Percent")
SQUARE_MILLIMETER = Code("mm2", "UCUM", "square millimeter")
#: Of a difference of percentages: "%" would be read as a share of the former.
POINTS = Code("{points}", "UCUM", "Percentage points")
PIXELS = Code("{pixels}", "UCUM", "Pixels")
GRADE_0_TO_4 = Code("{0:4}", "UCUM", "range: 0:4")

# Anatomy and finding.
LUNG = Code("39607008", "SCT", "Lung")
OPACITY = Code("112001", "DCM", "Opacity")
COVID_19 = Code("840539006", "SCT", "COVID-19")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LATERALITY = {
    Laterality.LEFT: Code("7771000", "SCT", "Left"),
    Laterality.RIGHT: Code("24028007", "SCT", "Right"),
}

# The decision of the paper's section 3.3.
_UNDETERMINED = Code("373068000", "SCT", "Undetermined")
DECISION = {
    Decision.POSITIVE: Code("52101004", "SCT", "Present"),
    Decision.NEGATIVE: Code("272519000", "SCT", "Absent"),
    Decision.UNDETERMINED: _UNDETERMINED,
    Decision.NOT_ANALYSED: _UNDETERMINED,
    Decision.FAILED: _UNDETERMINED,
}

# How the processing went, as the CAD templates say it (TID 4100, 4101): machines tell by these why
# nothing could be determined.
DETECTIONS = Code("111064", "DCM", "Summary of Detections")
_SUCCEEDED = Code("111222", "DCM", "Succeeded")
#: CID 6042. Lungs that are not plausible, or one alone, are half a success.
DETECTIONS_STATUS = {
    Decision.POSITIVE: _SUCCEEDED,
    Decision.NEGATIVE: _SUCCEEDED,
    Decision.UNDETERMINED: Code("111223", "DCM", "Partially Succeeded"),
    Decision.NOT_ANALYSED: Code("111225", "DCM", "Not Attempted"),
    Decision.FAILED: Code("111224", "DCM", "Failed"),
}
PROCESSING = Code("111017", "DCM", "CAD Processing and Findings Summary")
_WITH_FINDINGS = Code("111242", "DCM", "All algorithms succeeded; with findings")
_NONE_SUCCEEDED = Code("111245", "DCM", "No algorithms succeeded; without findings")
#: CID 6047.
PROCESSING_SUMMARY = {
    Decision.POSITIVE: _WITH_FINDINGS,
    Decision.NEGATIVE: Code("111241", "DCM", "All algorithms succeeded; without findings"),
    Decision.UNDETERMINED: Code("111243", "DCM", "Not all algorithms succeeded; without findings"),
    Decision.NOT_ANALYSED: _NONE_SUCCEEDED,
    Decision.FAILED: _NONE_SUCCEEDED,
}

#: What a verdict is told by: concept name, and its value for each.
Verdict = tuple[tuple[Code, Mapping[Decision, Code]], ...]
VERDICT: Verdict = (
    (COVID_19, DECISION),
    (PROCESSING, PROCESSING_SUMMARY),
    (DETECTIONS, DETECTIONS_STATUS),
)
#: A reader's: no algorithm has processed anything.
READERS_VERDICT: Verdict = VERDICT[:1]

# The report's own structure (TID 1500, 1410).
REPORT_TITLE = Code("126000", "DCM", "Imaging Measurement Report")
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
CHEST_RADIOGRAPHY = Code("399208008", "SCT", "Plain chest X-ray")
RADIOGRAPHY = Code("363680008", "SCT", "Radiographic imaging procedure")
#: CID 5000, by the names in the configuration.
LANGUAGE = {
    "en": Code("en-US", "RFC5646", "English (United States)"),
    "de": Code("de", "RFC5646", "German"),
    "fr": Code("fr", "RFC5646", "French"),
    "es": Code("es", "RFC5646", "Spanish"),
}
FINDING = Code("121071", "DCM", "Finding")
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
CONCLUSION = Code("121077", "DCM", "Conclusion")
SUMMARY = Code("121111", "DCM", "Summary")
#: CID 7001.
PREVIOUS_FINDINGS = Code("18834-2", "LN", "Previous Findings")
PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")
TIME_POINT = Code("C2348792", "UMLS", "Time Point")
COMMENT = Code("121106", "DCM", "Comment")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
PERSON_OBSERVER_NAME = Code("121008", "DCM", "Person Observer Name")
DEVICE_OBSERVER_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_OBSERVER_MANUFACTURER = Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_OBSERVER_MODEL = Code("121015", "DCM", "Device Observer Model Name")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_MANUFACTURER = Code("122405", "DCM", "Algorithm Manufacturer")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")

# Key Object Selection (TID 2010).
OF_INTEREST = Code("113000", "DCM", "Of Interest")
#: Titles of rejection notes (IHE IOCM; PS3.16 CID 7010).
REJECTION = {
    code.value: code
    for code in (
        Code("113001", "DCM", "Rejected for Quality Reasons"),
        Code("113037", "DCM", "Rejected for Patient Safety Reasons"),
        Code("113038", "DCM", "Incorrect Modality Worklist Entry"),
        Code("113039", "DCM", "Data Retention Policy Expired"),
    )
}
KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
SOURCE = Code("260753009", "SCT", "Source")

# Who did it, and from what.
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
