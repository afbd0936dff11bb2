"""One file per channel, one method each."""
