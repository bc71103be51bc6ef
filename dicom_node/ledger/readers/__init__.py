"""What readers say of a radiograph, beside what the node found."""
