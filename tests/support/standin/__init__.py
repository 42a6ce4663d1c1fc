"""A provider of our own for tests of the real engine: it serves `aws`, `awsx` and `random`, and its cloud is a file."""
