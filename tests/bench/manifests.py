"""Manifests of any length, for benchmarks."""

import csv
from pathlib import Path

HYPOTHESES = 8


def write_manifest(path: Path, items: int) -> Path:
    """Write text premises with eight hypotheses each, half of them for training."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["premise", "hypothesis", "probability", "split", "event"])
        for number in range(items):
            premise, hypothesis = divmod(number, HYPOTHESES)
            writer.writerow([
                f"Urn {premise} held red and blue balls, and {premise % 7} of the first draws were red.",
                f"At least {hypothesis} of the next balls will be red.", (number % 101) / 100,
                "train" if premise % 2 else "test", f"event {premise % 997}",
            ])  # fmt: skip
    return path
