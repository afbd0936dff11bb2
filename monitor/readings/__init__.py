"""What the monitor knows, as readings that rules can look at."""
