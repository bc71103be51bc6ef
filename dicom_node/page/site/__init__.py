"""What every view stands on: the node, templates, drawings, who did what."""
