"""What makes each look at an image another one: transplant, style, augment; dice are shared."""
