"""The use cases: what is asked (`requests`), checked before any work (`prepare`), and carried out (`Job.run`)."""
