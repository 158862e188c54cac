"""What the tests share: comparison with the truth, and window configurations."""
