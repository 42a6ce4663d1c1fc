"""An application of the tests: tasks whose end a test decides, and a trace of the requests that began."""
