"""What there is to see: one module for each thing that a person looks at."""
