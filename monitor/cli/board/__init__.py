"""The live status on a terminal: pure drawing in `sections` and `layout`, the terminal itself in `screen`."""
