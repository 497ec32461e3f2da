"""The same chat request in each wire's own form."""

from typing import Any

from provider_workers.simulated import SimulatedProviders

WIRES = ("openai", "ollama", "anthropic", "gemini")
MODELS = {
    "openai": "gpt-4o-mini",
    "ollama": "llama3.1",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}


def chat(sim: SimulatedProviders, wire: str, *, stream: bool = False, **more: Any) -> tuple[str, dict[str, Any]]:
    """URL and body of a chat request to the provider named as its wire; `more` is added to the body."""
    base, model = sim.base_url(wire), MODELS[wire]
    messages = [{"role": "user", "content": "Tell me about trees"}]
    if wire == "openai":
        return f"{base}/chat/completions", {"model": model, "messages": messages, "stream": stream, **more}
    if wire == "ollama":
        return f"{base}/api/chat", {"model": model, "messages": messages, "stream": stream, **more}
    if wire == "anthropic":
        body = {"model": model, "messages": messages, "stream": stream, "max_tokens": 1_000_000}
        return f"{base}/v1/messages", {**body, **more}
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    contents = [{"role": "user", "parts": [{"text": "Tell me about trees"}]}]
    return f"{base}/v1beta/models/{model}:{verb}", {"contents": contents, **more}
