"""What people use instead, each given the same rows, already clean."""
