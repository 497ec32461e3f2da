"""Generate `service_common/facts/models.json` out of the model map that the installed litellm ships (MIT licence).

Only what routing uses is kept, so that no host of a router needs litellm. The map is read as a file: importing
litellm takes seconds.

    python tools/generate_facts.py            write the table
    python tools/generate_facts.py --check    write nothing; exit 1 if the table is not what the map says

Where litellm is not installed there is nothing to compare with: `--check` says so and exits 0.
"""

import argparse
import ast
import json
import sys
from decimal import ROUND_CEILING, Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "service_common" / "facts" / "models.json"
MAP_FILE = "litellm/model_prices_and_context_window_backup.json"

LICENCE = "MIT, Copyright (c) 2023 Berri AI"
MODES = {"chat", "responses", "completion", "embedding"}
COLUMNS = (
    "mode",
    "context_window",
    "max_output",
    "input_price",
    "output_price",
    "abilities",
    "cached_input_price",
    "deprecated_on",
    "dimensions",
    "long_context",
)
ABILITIES = {
    "a": "supports_audio_input",
    "c": "supports_prompt_caching",
    "j": "supports_response_schema",
    "p": "supports_pdf_input",
    "r": "supports_reasoning",
    "t": "supports_function_calling",
    "v": "supports_vision",
}
# litellm splits some providers by wire; routing knows one of each.
PROVIDERS = {
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai-embedding-models": "fireworks_ai",
    "text-completion-openai": "openai",
}
PREFIXES = {"amazon_nova": "amazon-nova"}  # where the key's prefix is not the provider's name
LONG_CONTEXT = (100_000, 128_000, 200_000, 272_000, 512_000)
NANO_PER_MILLION = Decimal(10) ** 15  # dollars per token -> nano-dollars per million tokens

Entry = dict[str, Any]


def provider_of(entry: Entry) -> str:
    """The provider's name as routing uses it."""
    name = str(entry["litellm_provider"])
    return "vertex_ai" if name.startswith("vertex_ai-") else PROVIDERS.get(name, name)


def price(dollars_per_token: float | None) -> int | None:
    """Nano-dollars per million tokens, rounded up so that an estimate never undercuts the bill."""
    if dollars_per_token is None:
        return None
    return int((Decimal(repr(dollars_per_token)) * NANO_PER_MILLION).to_integral_value(ROUND_CEILING))


def mode_of(entry: Entry) -> str:
    """`responses` only where the chat endpoint does not serve the model.

    `completion` of a model of Ollama is litellm's route to it, no limit of Ollama: `FactsTable` reads it as chat.
    """
    mode = str(entry["mode"])
    chat_too = any("chat/completions" in endpoint for endpoint in entry.get("supported_endpoints", ()))
    return "chat" if mode == "responses" and chat_too else mode


def flatten_tiers(entry: Entry) -> Entry:
    """Bring prices by tiers of the prompt's length into the form `price` and `price above N`."""
    tiers = entry.get("tiered_pricing")
    if not tiers or "range" not in tiers[0]:
        return entry
    flat = {**tiers[0], **entry}
    if len(tiers) > 1:  # the dearest tier stands for all above the first
        flat["long_context"] = [
            int(tiers[0]["range"][1]),
            price(tiers[-1].get("input_cost_per_token")),
            price(tiers[-1].get("output_cost_per_token")),
            price(tiers[-1].get("cache_read_input_token_cost")),
        ]
    return flat


def long_context(entry: Entry) -> list[int | None] | None:
    """`[threshold in tokens, input price, output price, cached input price]` where long prompts cost more."""
    if "long_context" in entry:
        return list(entry["long_context"])
    for threshold in LONG_CONTEXT:
        suffix = f"_above_{threshold // 1000}k_tokens"
        dearer = entry.get("input_cost_per_token" + suffix)
        if dearer is not None:
            output = entry.get("output_cost_per_token" + suffix, entry.get("output_cost_per_token"))
            cached = entry.get("cache_read_input_token_cost" + suffix)
            return [threshold, price(dearer), price(output), price(cached)]
    return None


def row_of(raw: Entry) -> list[Any]:
    """One model's facts in the order of COLUMNS, absent values as null, trailing ones left out."""
    entry = flatten_tiers(raw)
    row: list[Any] = [
        mode_of(entry),
        entry.get("max_input_tokens") or entry.get("max_tokens"),
        entry.get("max_output_tokens"),
        price(entry.get("input_cost_per_token")),
        price(entry.get("output_cost_per_token")),
        "".join(letter for letter, key in ABILITIES.items() if entry.get(key)),
        price(entry.get("cache_read_input_token_cost")),
        entry.get("deprecation_date"),
        entry.get("output_vector_size"),
        long_context(entry),
    ]
    while row[-1] is None:
        row.pop()
    return row


def provider_names(package: Path) -> list[str]:
    """Every provider that litellm takes as such, sorted: its enumeration, a list, and a data file."""
    enumerated = {
        ast.literal_eval(line.value)
        for node in ast.parse((package / "types/utils.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "LlmProviders"
        for line in node.body
        if isinstance(line, ast.Assign)
    }
    listed = {
        name
        for node in ast.parse((package / "constants.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "openai_compatible_providers" and node.value
        for name in ast.literal_eval(node.value)
    }
    described = json.loads((package / "llms/openai_like/providers.json").read_text(encoding="utf-8"))
    return sorted(enumerated | listed | set(described))


def build(model_map: dict[str, Entry], version: str, names: list[str]) -> str:
    """The table's text: JSON with one model per line, so that a change reads as a change."""
    providers: dict[str, dict[str, list[Any]]] = {}
    for key, entry in model_map.items():
        if entry.get("mode") not in MODES or key == "sample_spec":
            continue
        provider = provider_of(entry)
        prefix = PREFIXES.get(provider, provider) + "/"
        providers.setdefault(provider, {})[key.removeprefix(prefix)] = row_of(entry)
    head = {"source": "litellm", "version": version, "licence": LICENCE, "columns": COLUMNS}
    lines = ["{", f'"meta":{json.dumps(head)},', f'"litellm_providers":{json.dumps(names)},', '"providers":{']
    blocks = []
    for provider, models in sorted(providers.items()):
        rows = [f"{json.dumps(name)}:{json.dumps(row, separators=(',', ':'))}" for name, row in sorted(models.items())]
        blocks.append(f"{json.dumps(provider)}:{{\n" + ",\n".join(rows) + "\n}")
    return "\n".join([*lines, ",\n".join(blocks), "}}"]) + "\n"


def fresh_table() -> str | None:
    """The table that the installed litellm yields; None where litellm is not installed."""
    try:
        distribution = metadata.distribution("litellm")
    except metadata.PackageNotFoundError:
        return None
    map_file = Path(str(distribution.locate_file(MAP_FILE)))
    text = map_file.read_text(encoding="utf-8")
    return build(json.loads(text), distribution.version, provider_names(map_file.parent))


def main() -> int:
    """Generate or check; the exit code is the answer."""
    parser = argparse.ArgumentParser(description="Generate the table of model facts out of litellm's map.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the committed table differs")
    arguments = parser.parse_args()
    fresh = fresh_table()
    if fresh is None:
        print("litellm is not installed: nothing to compare the facts with (pip install 'trunkline[litellm]')")
        return 0 if arguments.check else 1
    if not arguments.check:
        TABLE.write_text(fresh, encoding="utf-8")
        print(f"{TABLE.relative_to(ROOT)}: {len(fresh.encode()) / 1024:.0f} KB")
        return 0
    if not TABLE.exists() or TABLE.read_text(encoding="utf-8") != fresh:
        print("The table of model facts is behind the installed litellm. Run: make facts", file=sys.stderr)
        return 1
    print("facts are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
