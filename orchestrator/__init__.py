"""Creates, references, updates, inspects and destroys Django environments in dependency order."""
