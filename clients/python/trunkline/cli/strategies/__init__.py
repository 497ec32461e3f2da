"""Compares routing profiles over a set of prompts: `trunkline bench strategies`."""
