"""Texts made of data; nothing here reads or prints anything."""
