"""Rows of the tables for tests: what is not given is as plain as can be."""

from pathlib import Path
from typing import Any

from umui.files.parquet import write_table
from umui.tables import ITEMS, LABELS, PREDICTIONS, VOTES


def item(item_id: str, **given: Any) -> dict[str, Any]:
    row = {
        "item_id": item_id, "dataset": "urn", "split": "test", "event": item_id, "premise_id": item_id.split("#")[0],
        "modality": "text", "premise_text": "The balls were red.", "media_id": None, "media_path": None,
        "hypothesis": "The next ball is red.", "label": None, "probability": 0.5, "annotations": None,
    }  # fmt: skip
    return row | given


def vote(item_id: str, number: int, probability: float | None, **given: Any) -> dict[str, Any]:
    row = {
        "item_id": item_id, "teacher": "teacher", "vote": number, "seed": number, "text": f"about {probability}",
        "reasoning": None, "probability": probability, "parse_status": "missing" if probability is None else "ok",
        "finish_reason": "stop", "prompt_digest": "0", "evidence_digest": None, "request_digest": "0",
        "prompt_tokens": 1, "completion_tokens": 1,
    }  # fmt: skip
    return row | given


def label(item_id: str, probability: float | None) -> dict[str, Any]:
    return {
        "item_id": item_id, "teacher": "teacher", "aggregation": "mean", "n_votes": 5,
        "n_parsed": 0 if probability is None else 5, "probability": probability, "vote_std": None,
    }  # fmt: skip


def prediction(item_id: str, probability: float | None, status: str = "ok") -> dict[str, Any]:
    return {
        "item_id": item_id, "model": "model", "probability": probability, "distribution": None,
        "status": "no_evidence" if probability is None and status == "ok" else status,
    }  # fmt: skip


def write_items(path: Path, *rows: dict[str, Any]) -> Path:
    write_table(path, ITEMS, rows)
    return path


def write_votes(path: Path, *rows: dict[str, Any]) -> Path:
    write_table(path, VOTES, rows)
    return path


def write_labels(path: Path, *rows: dict[str, Any]) -> Path:
    write_table(path, LABELS, rows)
    return path


def write_predictions(path: Path, *rows: dict[str, Any]) -> Path:
    write_table(path, PREDICTIONS, rows)
    return path


def metric(model: str, role: str, value: float | None, **given: Any) -> dict[str, Any]:
    row = {
        "model": model, "role": role, "parameters": None, "dataset": "urn", "modality": "text", "metric": "mse_x100",
        "value": value, "ci_low": value and value - 0.5, "ci_high": value and value + 1,
        "n_items": 0 if value is None else 480, "n_missing": 480 if value is None else 0, "n_clusters": 20,
        "interval_method": "95 % percentile cluster bootstrap over events, 2000 replicates", "predictions_digest": "0",
    }  # fmt: skip
    return row | given


def line_of(page: str, model: str) -> list[str]:
    """Return the cells of a model's line in a page."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {model} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]
