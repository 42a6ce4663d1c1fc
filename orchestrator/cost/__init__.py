"""The monthly cost of a stack, from its resources and a dated price table."""
