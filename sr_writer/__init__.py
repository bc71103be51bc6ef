"""A source header and Findings in, valid DICOM out: see `results.write_results`."""
