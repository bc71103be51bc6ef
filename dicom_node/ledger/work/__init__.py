"""What arrived, the jobs that it makes, what was found, and who lives to do them."""
