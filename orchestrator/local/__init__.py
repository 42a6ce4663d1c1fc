"""The environment on this machine: its own declaration, carried out with processes instead of AWS."""
