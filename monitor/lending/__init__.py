"""Health, liquidation prices, outcomes and ladders: pure integer maths."""
