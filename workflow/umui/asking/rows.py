"""Answers -> rows of the tables of votes and timings."""

from typing import Any

from umui.asking.budget import Budget
from umui.asking.journal import Answer
from umui.asking.planning import Question


def vote_row(question: Question, vote: int, judge: str, budget: Budget) -> dict[str, Any]:
    """Return a row of the votes table: one of an item's votes, whether it was asked for or not."""
    row: dict[str, Any] = {
        "item_id": question.item_id,
        "teacher": judge,
        "vote": vote,
        "seed": question.seed + vote,
        "text": "",
        "probability": None,
        "parse_status": "no_evidence",
        "prompt_digest": question.prompt_digest,
        "evidence_digest": question.evidence_digest,
        "request_digest": question.digests[vote],
    }
    if not question.answerable:
        return row
    if vote >= budget.called_for[question.item_id]:
        return {**row, "parse_status": "not_asked"}
    answer = budget.answers[question.digests[vote]]
    heard = budget.heard(answer)
    return {
        **row,
        "text": heard.text,
        "reasoning": heard.reasoning,
        "probability": heard.parsed.probability,
        "parse_status": heard.parsed.status,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
    }


def timing_row(answer: Answer) -> dict[str, Any]:
    """Return a row of the timings table."""
    return {
        "item_id": answer.item_id,
        "vote": answer.vote,
        "asked_at_s": answer.asked_at_s,
        "latency_s": answer.latency_s,
    }
