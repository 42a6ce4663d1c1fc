"""From a Django repository to stack files: survey the source, decide, write. The source is read, never imported."""
