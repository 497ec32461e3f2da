"""Prints, as JSON, what litellm makes of whole and cut answers of each provider. Run it as a process of its own."""

import asyncio
import json
import os
import sys
from typing import Any

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS="True")

import litellm

from provider_workers.simulated import Behaviour, Fault, ProviderSpec, SimulatedProviders

MODELS = {"anthropic": "claude-haiku-4-5", "openai": "gpt-4o-mini", "mistral": "m", "gemini": "gemini-2.5-flash"}


async def ending(sim: SimulatedProviders, provider: str, *faults: Fault) -> dict[str, Any]:
    """The finish reason that litellm tells, and the one that it received."""
    sim.set_behaviour(provider, Behaviour(faults=faults))
    stream: Any = await litellm.acompletion(
        model=MODELS[provider],
        custom_llm_provider=provider,
        messages=[{"role": "user", "content": "Hi"}],
        api_base=sim.base_url(provider),
        api_key="sk-none",
        stream=True,
        max_retries=0,
    )
    told = [chunk.choices[0].finish_reason async for chunk in stream if chunk.choices]
    return {"told": told[-1], "received": stream.received_finish_reason}


async def main() -> None:
    """Ask each provider twice."""
    specs = [ProviderSpec(name, models=(model,)) for name, model in MODELS.items()]
    async with SimulatedProviders(specs) as sim:
        found = {
            name: {"whole": await ending(sim, name), "cut": await ending(sim, name, Fault("no_finish_reason"))}
            for name in MODELS
        }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
