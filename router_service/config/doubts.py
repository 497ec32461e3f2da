"""What may well be meant in a configuration and yet surprises: told at the start and by the check, never refused."""

from collections.abc import Iterator

from router_service.contracts.engine import Catalogue
from service_common.configuration.mistakes import Finding
from service_common.model_names import plain_model
from service_common.vocabulary import ModelMode


def doubts(catalogue: Catalogue) -> Iterator[Finding]:
    """Aliases of several embedding models."""
    for alias, targets in catalogue.aliases.items():
        specs = [catalogue.targets[name] for name in targets if name in catalogue.targets]
        models = sorted({plain_model(spec.name) for spec in specs if spec.mode is ModelMode.EMBEDDING})
        if len(models) > 1:
            said = "its calls may be answered by different models, whose vectors cannot be compared:"
            advice = "Name one of them, on any number of backends."
            yield Finding(("aliases", alias), f"{said} {', '.join(models)}.", advice)
