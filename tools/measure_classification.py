"""How often the task rules and the sensitivity detection are right, on labelled prompts.

    python tools/measure_classification.py TASK_PROMPTS.jsonl.gz [--half a|b] [--errors SOURCE]
    python tools/measure_classification.py TASK_PROMPTS.jsonl.gz --sensitive SENSITIVE_TEXT.jsonl.gz

The task labels are mapped to the router's: questions of any kind to simple_qa, paraphrase checks to classification;
mathematics, logic puzzles, role play and rewriting have no counterpart and are left out. Halves: the templates (a
source's own label) are split by a hash, so that rules written with one half in view can be judged on the other.
"""

import argparse
import gzip
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from router_service.plugins.classifiers.sensitivity import SensitivityDetector
from router_service.plugins.classifiers.task import TaskRules
from service_common.vocabulary import Task

EXPECTED: Mapping[str, str] = {
    "code": "code",
    "open_qa": "simple_qa",
    "closed_qa": "simple_qa",
    "multiple_choice": "simple_qa",
    "classify": "classification",
    "paraphrase_check": "classification",
    "creative_writing": "creative",
    "summarize": "summarization",
    "extract": "extraction",
}
SPANS: Mapping[str, str] = {
    "CREDIT_CARD": "card",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "US_SSN": "national_id",
    "IBAN_CODE": "iban",
}
CODE = frozenset({Task.CODE_GENERATION, Task.CODE_REVIEW})
Row = Mapping[str, Any]


def read(path: Path) -> Iterator[Row]:
    """The rows of a file of gzipped JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def half_of(row: Row) -> str:
    """`a` or `b`, the same for all prompts of one template."""
    key = f"{row['source']}/{row['task']}" if row["source"] == "p3_t0" else row["id"]
    return "ab"[hashlib.sha256(key.encode()).digest()[0] % 2]


def answered(task: Task) -> str:
    """The rules' answer in the words of the labels."""
    return "code" if task in CODE else task.label


def judge(rows: Iterable[Row]) -> list[tuple[Row, str, str]]:
    """Each row with what was expected and what the rules say."""
    rules = TaskRules(TaskRules.Model())
    return [(row, EXPECTED[row["task_norm"]], answered(rules.detect(row["prompt"]))) for row in rows]


def report(judged: list[tuple[Row, str, str]]) -> None:
    """Accuracy, recall and precision per class, accuracy per source."""
    expected = Counter(want for _, want, _ in judged)
    said = Counter(got for _, _, got in judged)
    right = Counter(want for _, want, got in judged if want == got)
    print(f"{'class':<16}{'prompts':>8}{'recall':>8}{'precision':>11}")
    for name in expected:
        precision = right[name] / said[name] if said[name] else 0.0
        print(f"{name:<16}{expected[name]:>8}{right[name] / expected[name]:>8.2f}{precision:>11.2f}")
    macro = sum(right[name] / expected[name] for name in expected) / len(expected)
    print(f"{'all':<16}{len(judged):>8}  accuracy {sum(right.values()) / len(judged):.3f}, macro recall {macro:.3f}")
    by_source: dict[str, list[bool]] = defaultdict(list)
    for row, want, got in judged:
        by_source[row["source"]].append(want == got)
    for source, results in sorted(by_source.items()):
        print(f"  {source:<14}{len(results):>8}{sum(results) / len(results):>8.2f}")


def show_errors(judged: list[tuple[Row, str, str]], source: str, most: int) -> None:
    """Some prompts of a source or template that the rules get wrong."""
    wrong = [one for one in judged if one[1] != one[2] and source in f"{one[0]['source']}/{one[0]['task']}"]
    random.Random(1).shuffle(wrong)
    for (template, want, got), count in Counter((r["task"], w, g) for r, w, g in wrong).most_common(most):
        print(f"{count:>5}  {template}: {want} taken for {got}")
    for row, want, got in wrong[:most]:
        print(f"--- {row['task']}: {want} taken for {got}\n{row['prompt'][:300]!r} ... {row['prompt'][-150:]!r}")


def report_sensitive(texts: Iterable[Row], prompts: Iterable[Row]) -> None:
    """Recall and precision by kind on labelled texts, and how often ordinary prompts raise an alarm."""
    detector = SensitivityDetector(SensitivityDetector.Model())
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row in texts:
        there = {SPANS[span["type"]] for span in row["spans"] if span["type"] in SPANS}
        found = set(detector.kinds_in(row["text"]))
        right.update(there & found)
        missed.update(there - found)
        wrong.update(found - there)
    print(f"\n{'kind':<16}{'texts':>8}{'recall':>8}{'precision':>11}")
    for kind in sorted({*right, *missed, *wrong}):
        there_count, found_count = right[kind] + missed[kind], right[kind] + wrong[kind]
        recall, precision = right[kind] / max(1, there_count), right[kind] / max(1, found_count)
        print(f"{kind:<16}{there_count:>8}{recall:>8.2f}{precision:>11.2f}")
    rows = list(prompts)
    alarms = Counter(kind for row in rows for kind in detector.kinds_in(row["prompt"]))
    print(f"alarms in {len(rows)} ordinary prompts: {dict(alarms)}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("--half", choices=("a", "b"), help="only this half of the templates")
    parser.add_argument("--errors", metavar="SOURCE", help="show prompts of this source that are taken wrongly")
    parser.add_argument("--sensitive", type=Path, metavar="FILE", help="also measure the detection of sensitive data")
    parser.add_argument("--most", type=int, default=15)
    arguments = parser.parse_args()
    prompts = list(read(arguments.prompts))
    rows = [row for row in prompts if row["task_norm"] in EXPECTED]
    judged = judge(row for row in rows if arguments.half in (None, half_of(row)))
    report(judged)
    if arguments.errors is not None:
        show_errors(judged, arguments.errors, arguments.most)
    if arguments.sensitive is not None:
        report_sensitive(read(arguments.sensitive), prompts)


if __name__ == "__main__":
    main()
