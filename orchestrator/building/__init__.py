"""Builds the images of `[images]` in `orchestrator.toml` with the builder of this machine, and pushes them."""
