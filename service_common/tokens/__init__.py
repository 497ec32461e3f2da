"""How many tokens a request has, estimated without a tokenizer and corrected by what providers report."""

from service_common.tokens.correction import TokenCorrection
from service_common.tokens.estimate import estimate_image, estimate_message_overhead, estimate_text
from service_common.tokens.family import Family, family_of

__all__ = [
    "Family",
    "TokenCorrection",
    "estimate_image",
    "estimate_message_overhead",
    "estimate_text",
    "family_of",
]
