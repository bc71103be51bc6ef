"""What commands have in common at a terminal: `options` they are given, `following` an image for
people and machines, `progress` of a long one.
"""
