"""Typed encoding and decoding of the contract calls that ethmon makes."""
