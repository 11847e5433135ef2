"""What is still to be asked of a judge about the items of a shard, and when too much of it has failed."""

import re
from collections import ChainMap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from umui.answers.parsing import Heard, Parsed, hear
from umui.answers.token_masses import expectation_of
from umui.asking.adaptive import enough, first_votes
from umui.asking.journal import Answer, Journal
from umui.asking.planning import Question, missing_runs
from umui.config.judges import Judge
from umui.evidence.shelf import EvidenceShelf
from umui.prompts.rendering import answer_form

MIN_REQUESTS = 20  # before the share of errors is judged
_LENGTH = re.compile(
    r"^413|context[ _-](length|window|size)|too (long|large|many)|longer than|exceed|max_model_len", re.IGNORECASE
)


@dataclass
class Budget:
    """What is to be asked and how it goes; `failed` holds, by request digest, what this run could not get."""

    questions: list[Question]
    shelf: EvidenceShelf
    journal: Journal
    settings: Judge
    n_missing: int
    thinks: bool = False
    heard_before: bool = False  # whether the server has answered for an earlier shard
    asking_s: float = 0.0
    n_votes: int = 0
    n_requests: int = 0
    n_failed: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # by item: what the server has against it
    failed: dict[str, Answer] = field(default_factory=dict)
    called_for: dict[str, int] = field(default_factory=dict)  # by item: so many of its first votes, until now

    @property
    def answers(self) -> ChainMap[str, Answer]:
        """What has come, by request digest."""
        return ChainMap(self.journal.answers, self.failed)

    def heard(self, answer: Answer) -> Heard:
        """Return what an answer says; it is parsed anew each time, so that a better parser needs no asking."""
        settings = self.settings
        if answer.error is not None:
            return Heard(answer.error, answer.reasoning, Parsed(None, "error"))
        if settings.read is not None:
            return Heard(answer.text, answer.reasoning, expectation_of(answer.text, settings.read))
        form = answer_form(settings.prompt)
        return hear(answer.text, answer.reasoning, form, answer.finish_reason, thinks=self.thinks)

    def open_questions(self) -> Iterator[Question]:
        """Yield the questions that still lack votes."""
        return (question for question in self.questions if self.next_request(question) is not None)

    def next_request(self, question: Question) -> range | None:
        """Return the votes that the question's next request brings, or None when it has enough.

        With adaptive votes more are called for as long as the first ones, in the order of their numbers, do not say
        enough; so the votes that count follow from the answers alone, however often the asking was stopped.
        """
        if not question.answerable:
            return None
        sampling, answers = self.settings.sampling, self.answers
        singly = sampling.temperature == 0  # a greedy request has one answer
        while True:
            due = self.called_for.setdefault(question.item_id, first_votes(sampling))
            lacking = next(missing_runs(question, due, answers, singly=singly), None)
            if lacking is not None or due == sampling.votes:
                return lacking
            assert sampling.adaptive is not None
            said = [self.heard(answers[digest]).parsed.probability for digest in question.digests[:due]]
            if enough([probability for probability in said if probability is not None], sampling.adaptive):
                return None
            self.called_for[question.item_id] = min(due + sampling.adaptive.step, sampling.votes)

    def record(self, answers: list[Answer], *, refused: bool = False) -> None:
        """Keep what a request brought; a refused one speaks against its item, and not against the server.

        Raises ConnectionError when too many requests have failed.
        """
        self.journal.append(answers)
        self.n_requests += 1
        self.n_votes += len(answers)
        error = answers[0].error
        if error is None:
            return
        self.failed.update((answer.request_digest, answer) for answer in answers)
        if refused:
            self.refused[answers[0].item_id] = error
            if len(self.refused) >= MIN_REQUESTS:
                judge_refusals([self])
        else:
            self.n_failed += 1
            if self.n_requests >= MIN_REQUESTS:
                self.judge_errors(error)

    def leave_out(self, answers: list[Answer]) -> None:
        """Count votes as failed that are not asked for, since it is known what would come of it."""
        self.n_votes += len(answers)
        self.failed.update((answer.request_digest, answer) for answer in answers)
        self.refused[answers[0].item_id] = answers[0].error or ""

    def judge_errors(self, last: str) -> None:
        """Raise ConnectionError when the share of failed requests is above the limit."""
        limit = self.settings.client.max_error_share
        if self.n_failed > limit * self.n_requests:
            raise ConnectionError(
                f"{self.n_failed} of {self.n_requests} requests failed, more than client.max_error_share: {limit:g}; "
                f"the last error: {last[:500]}; "
                f"all votes are kept in {self.journal.path}, and a rerun asks for the rest"
            )

    def progress(self) -> str:
        """Return one line on how far the work is."""
        rate = self.n_votes / self.asking_s if self.asking_s else 0.0
        most = "at most " if self.settings.sampling.adaptive else ""
        left = f"{most or 'about '}{(self.n_missing - self.n_votes) / rate / 60:.1f} min left" if rate else "waiting"
        refused = f", {len(self.refused)} items refused" if self.refused else ""
        return (
            f"votes: {self.n_votes}/{most}{self.n_missing}, {rate:.1f}/s, {left}, {self.n_failed} failed requests"
            f"{refused}"
        )


def judge_refusals(budgets: Sequence[Budget]) -> None:
    """Raise ConnectionError when a server has answered nothing and refused all, and not for its length.

    Then it is not the items that are at fault.
    """
    refusals = [error for budget in budgets for error in budget.refused.values()]
    answered = any(budget.heard_before or budget.journal.answers for budget in budgets)
    if refusals and not answered and not any(_LENGTH.search(error) for error in refusals):
        raise ConnectionError(
            f"{len(refusals)} of {len(refusals)} requests failed: the server refuses all that it is asked; the last "
            f"error: {refusals[-1][:500]}; mend what the error names, and run again"
        )
