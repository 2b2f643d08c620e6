"""The soundness corpus: small programs whose traced functions must do in every respect what the plain ones do."""
