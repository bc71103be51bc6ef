"""Secondary Capture (PS3.3 A.8.1): the picture that any viewer shows."""
