"""Products, orders and reports of the shop."""
