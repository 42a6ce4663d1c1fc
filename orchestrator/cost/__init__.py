"""What a stack costs a month, from its resources and a dated price table."""
