"""Recovery after a crash: adopts resources that were being created, and finds tagged resources that no stack has."""
