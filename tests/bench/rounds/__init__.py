"""The paper's way to its masks, round by round (section 2.2), with a reader who knows the truth."""
