"""How ETH moves with other prices. Statistics, and so the only floats below `reports`. Pure."""
