"""The wire formats that a simulated provider can speak, one module each."""
