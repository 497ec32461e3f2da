"""Measure how far token counts are off, before any answer was seen and after a few.

    pip install -r tools/components/requirements.txt tiktoken tokenizers numpy
    python -m tools.measure_token_counts TEXTS TOKENIZERS

The folders are those of `tools/fit_token_weights.py`; what is measured is the half of the texts that was not fitted to.
A session is prompts in random order: of each kind as likely, or of one kind alone. Each is counted, then its true count
corrects what follows. The errors are those of the prompts after the first few.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median, quantiles

from service_common.tokens import Family, TokenCorrection, estimate_text
from tools.fit_token_weights import Counter, load_tokenizer, o200k, read_texts

ANSWERS = 5
PROMPTS = 20
SESSIONS = 200

Pair = tuple[int, int]
"""Estimated and true tokens of a prompt."""


def pairs(texts: dict[str, list[str]], family: Family, count: Counter) -> dict[str, list[Pair]]:
    """By kind of text, of the half that the weights were not fitted to."""
    return {kind: [(estimate_text(text, family), count(text)) for text in found[1::2]] for kind, found in texts.items()}


def errors(prompts: Sequence[Pair], family: Family) -> tuple[list[float], list[float]]:
    """Relative errors of the prompts after the first ANSWERS: uncorrected, and corrected by all that came before."""
    correction = TokenCorrection()
    before, after = [], []
    for seen, (estimated, true) in enumerate(prompts):
        if seen >= ANSWERS:
            before.append(abs(estimated / true - 1))
            after.append(abs(correction.correct(family, estimated) / true - 1))
        correction.observe(family, estimated, true)
    return before, after


def mixed(found: dict[str, list[Pair]], family: Family, random: Random) -> tuple[list[float], list[float]]:
    """The errors of sessions whose prompts are of any kind."""
    kinds = list(found.values())
    sessions = [[random.choice(random.choice(kinds)) for _ in range(PROMPTS)] for _ in range(SESSIONS)]
    results = [errors(session, family) for session in sessions]
    return [e for before, _ in results for e in before], [e for _, after in results for e in after]


def alone(found: dict[str, list[Pair]], family: Family, random: Random) -> dict[str, float]:
    """By kind: the median error of sessions whose prompts are of that kind alone."""
    medians = {}
    for kind, prompts in found.items():
        sessions = [[random.choice(prompts) for _ in range(PROMPTS)] for _ in range(SESSIONS)]
        medians[kind] = median(error for session in sessions for error in errors(session, family)[1])
    return medians


def main() -> None:
    """Print one row for each family."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("tokenizers", type=Path)
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts)
    counters = {Family.OPENAI: o200k()}
    counters |= {Family(path.stem): load_tokenizer(path) for path in sorted(arguments.tokenizers.glob("*.json"))}
    print("| family | before: median | after 5: median | after 5: 90 % below | one kind alone: median | worst kind |")
    print("|---|---|---|---|---|---|")
    for family, count in counters.items():
        found = pairs(texts, family, count)
        before, after = mixed(found, family, Random(1))
        by_kind = alone(found, family, Random(2))
        worst = max(by_kind, key=lambda kind: by_kind[kind])
        cells = [median(before), median(after), quantiles(after, n=10)[8], median(by_kind.values())]
        shown = " | ".join(f"{cell:.1%}" for cell in cells)
        print(f"| {family.value} | {shown} | {worst} {by_kind[worst]:.1%} |")


if __name__ == "__main__":
    main()
