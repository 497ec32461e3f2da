"""What router and workers hold each other to over `Attach`, beside the contract's own words."""

PROTOCOL_VERSION = 1

LARGEST_INLINE_BODY = 60 * 1024
"""Bytes of a request or result that travel inside its frame; a larger one is fetched or uploaded beside the link."""

MOST_TOKENS = 2**31
"""Tokens of one attempt. Like below, who says more is taken to mean this, so that no sum, cost or time grows beyond
what a message can hold."""

LONGEST_WAIT = 7 * 24 * 3600.0
"""Seconds that a provider asks to be left alone."""
