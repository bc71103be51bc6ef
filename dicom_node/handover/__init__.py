"""A report's content in the words of HL7, for those who read no DICOM.

`report` reads it from the SR as it was built, `news` says what there is to tell of it; `oru` puts
that into HL7 2.5.1 and `mllp` carries it, `bundle` puts it into FHIR R4.
"""
