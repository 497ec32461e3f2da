"""Money is counted in whole nano-dollars."""

NANO_PER_DOLLAR = 1_000_000_000
