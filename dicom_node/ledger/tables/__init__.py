"""What is kept, in which states it may be, what goes in and out, and the one way to change it."""
