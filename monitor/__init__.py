"""ethmon: what Ethereum says, kept exactly."""
