"""The phantom radiograph and a small PACS for `cxr-node demo`, the tests and load generation."""
