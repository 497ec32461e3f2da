"""What is known about models without asking anybody: prices, context windows, abilities."""

from service_common.facts.model import Ability, LongContextPrice, Mode, ModelFacts
from service_common.facts.table import FactsTable

__all__ = ["Ability", "FactsTable", "LongContextPrice", "Mode", "ModelFacts"]
