"""DICOM over the network (PS3.8): connections, associations, messages, each bounded; TLS."""
