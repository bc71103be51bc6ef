"""What starts the node: `parts` builds one from the configuration, `alone` runs it in this process,
`supervisor` all three as children; `preflight` looks first whether they can.
"""
