"""Burn, blobs, issuance and supply: pure integer maths."""
