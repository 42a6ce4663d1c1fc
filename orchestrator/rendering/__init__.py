"""Results as text, Markdown, SVG and JSON documents. Nothing here reads or prints."""
