"""One module per lending protocol: addresses, calls, decoding, exact health."""
