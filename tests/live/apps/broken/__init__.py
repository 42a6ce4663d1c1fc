"""An application of the tests, with a migration that fails after a change."""
