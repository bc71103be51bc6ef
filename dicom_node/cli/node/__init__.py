"""What starts the node: `parts` builds one from the configuration, with the two `networks`; `alone`
runs it in this process, `supervisor` all three as children; `preflight` looks first if they can.
"""
