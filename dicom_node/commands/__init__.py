"""What each subcommand of `cxr-node` does: one file a command, `parts` builds the processes."""
