"""Fit `service_common/tokens/weights.py` to real tokenizers, and print how far off the estimates are.

    pip install -r tools/components/requirements.txt tiktoken tokenizers
    python tools/fit_token_weights.py TEXTS TOKENIZERS [--write]

TEXTS holds one folder per kind of text (english, german, python, json, ...) with files of about a kilobyte; half of
each kind is fitted to, the other half measured. TOKENIZERS holds one file per family: `llama.json`, `qwen.json`, ... in
the format of `tokenizer.json`, or in Mistral's Tekken format. Neither belongs to this repository.
"""

import argparse
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
import tokenizers

from service_common.tokens.family import Family
from service_common.tokens.features import NAMES, count_features

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "service_common" / "tokens" / "weights.py"
# The kinds that prompts consist of most count more than the rare ones.
IMPORTANCE = {
    "english": 3.0,
    "english_docs": 3.0,
    "german": 3.0,
    "chinese": 3.0,
    "python": 2.0,
    "go": 2.0,
    "typescript": 2.0,
    "json": 2.0,
    "base64": 0.3,
}
ROUNDS = 3000
HEADER = '''"""Tokens per feature and model family, fitted by `tools/fit_token_weights.py`; do not edit by hand.

Each row follows `service_common.tokens.features.NAMES`. Fitted on 31 kinds of text (prose, code, JSON, logs, in 20
natural languages) with the tokenizers o200k_base, Llama 3.1, the published Claude one, Gemma 3, Tekken, Qwen 3 and
DeepSeek V3.
"""

from service_common.tokens.family import Family

WEIGHTS: dict[Family, tuple[float, ...]] = {
'''

Counter = Callable[[str], int]
Counts = dict[str, Any]


def read_texts(folder: Path) -> dict[str, list[str]]:
    """The texts by kind."""
    return {
        kind.name: [path.read_text(encoding="utf-8") for path in sorted(kind.iterdir())]
        for kind in sorted(folder.iterdir())
        if kind.is_dir()
    }


def load_tokenizer(path: Path) -> Counter:
    """A function that counts a text's tokens."""
    parsed = json.loads(path.read_text(encoding="utf-8"))
    if "config" not in parsed:
        whole = tokenizers.Tokenizer.from_file(str(path))
        return lambda text: len(whole.encode(text, add_special_tokens=False).ids)
    config = parsed["config"]
    size = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in parsed["vocab"][:size]}
    tekken = tiktoken.Encoding("tekken", pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(tekken.encode(text, disallowed_special=()))


def feature_rows(texts: list[str]) -> Any:
    """One row of features per text."""
    rows = [count_features(text) for text in texts]
    return np.array([[*row, *[0] * (len(NAMES) - len(row))] for row in rows], float)


def fit(features: dict[str, Any], counts: list[Counts]) -> Any:
    """Non-negative weights with the least squared relative error, every kind weighing as its importance says."""
    rows, goals = [], []
    for counted in counts:
        for kind, matrix in features.items():
            tokens = counted[kind][::2]
            importance = np.sqrt(IMPORTANCE.get(kind, 1.0) / len(tokens))
            rows.append(matrix[::2] / tokens[:, None] * importance)
            goals.append(np.full(len(tokens), importance))
    stacked, goal = np.vstack(rows), np.concatenate(goals)
    gram = stacked.T @ stacked + 1e-6 * np.eye(len(NAMES))
    pull = stacked.T @ goal
    weights = np.zeros(len(NAMES))
    for _ in range(ROUNDS):  # coordinate descent, projected on what is not negative
        for index in range(len(NAMES)):
            weights[index] = max(0.0, weights[index] + (pull[index] - gram[index] @ weights) / gram[index, index])
    return weights


def show_errors(features: dict[str, Any], counts: dict[str, Counts], weights: dict[str, Any]) -> None:
    """Per kind and family: bias over all, and mean absolute error per text, of the half that was not fitted to."""
    print(f"{'':14}" + "".join(f"{family:>16}" for family in counts))
    for kind, matrix in features.items():
        cells = []
        for family, counted in counts.items():
            tokens, estimated = counted[kind][1::2], matrix[1::2] @ weights[family]
            bias = estimated.sum() / tokens.sum() - 1
            cells.append(f"{bias:+8.1%}{np.abs(estimated / tokens - 1).mean():8.1%}")
        print(f"{kind:14}" + "".join(cells))


def render(weights: dict[str, Any]) -> str:
    """The text of the weights' module."""
    blocks = []
    for family in Family:
        lines = [f"        {weight:.3f},  # {name}" for name, weight in zip(NAMES, weights[family], strict=True)]
        blocks.append("\n".join([f"    Family.{family.name}: (", *lines, "    ),"]))
    return HEADER + "\n".join(blocks) + "\n}\n"


def main() -> None:
    """Fit, show the errors, and write the weights where asked to."""
    parser = argparse.ArgumentParser(description="Fit the token estimates to real tokenizers.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("tokenizers", type=Path)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts)
    counters = {Family.OPENAI.value: o200k()}
    counters |= {path.stem: load_tokenizer(path) for path in sorted(arguments.tokenizers.glob("*.json"))}
    features = {kind: feature_rows(samples) for kind, samples in texts.items()}
    counts = {
        family: {kind: np.array([count(text) for text in samples], float) for kind, samples in texts.items()}
        for family, count in counters.items()
    }
    weights = {family: fit(features, [counted]) for family, counted in counts.items()}
    show_errors(features, counts, weights)
    weights[Family.DEFAULT.value] = fit(features, list(counts.values()))
    if arguments.write:
        OUTPUT.write_text(render(weights), encoding="utf-8")


def o200k() -> Counter:
    """OpenAI's tokenizer."""
    encoding = tiktoken.get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text, disallowed_special=()))


if __name__ == "__main__":
    main()
