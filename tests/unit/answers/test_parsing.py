"""An answer's probability is what was said, and nothing is made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umui.answers.parsing import Parsed, hear, parse
from umui.answers.thinking import split_reasoning

NOTHING_SAID = ("missing", "truncated", "refused", "out_of_range")


def scalar(text: str, finish_reason: str | None = "stop") -> tuple[float | None, str]:
    parsed = parse(text, "scalar", finish_reason)
    return parsed.probability, parsed.status


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<answer>0.65</answer>", (0.65, "ok")),
        ("I think so.\n<Answer> .5 </Answer> There.", (0.5, "ok")),
        ("<answer>0.2</answer> no, wait: <answer>0.7</answer>", (0.7, "ok")),  # the last word counts
        ("<answer>1</answer>", (1.0, "ok")),
        ("<answer>0</answer>", (0.0, "ok")),
        ("<answer>85%</answer>", (0.85, "percent")),
        ("<answer>100 %</answer>", (1.0, "percent")),
        ("<answer>0.5%</answer>", (0.005, "percent")),
        ("<answer>85</answer>", (None, "out_of_range")),
        ("<answer>1.01</answer>", (None, "out_of_range")),
        ("<answer>-0.2</answer>", (None, "out_of_range")),
        ("<answer>120%</answer>", (None, "out_of_range")),
        ("<answer>0.2 to 0.4</answer>", (None, "missing")),
        ("<answer>0.2-0.4</answer>", (None, "missing")),
        ("<answer>0.2 0.4</answer>", (None, "missing")),
        ("<answer>0,85</answer>", (None, "missing")),  # could be a list
        ("<answer>about 0.8</answer>", (None, "missing")),
        ("<answer>4/5</answer>", (None, "missing")),
        ("<answer>likely</answer>", (None, "missing")),
        ("<answer>Yes</answer>", (None, "missing")),
        ("<answer>nan</answer>", (None, "missing")),
        ("<answer>inf</answer>", (None, "missing")),
        ("<answer>1e-1</answer>", (None, "missing")),
        ("<answer>\u0660.\u0665</answer>", (None, "missing")),
        ("<answer></answer>", (None, "missing")),
        ("<answer>0.3</answer> I take it back: <answer>unknown</answer>", (None, "missing")),
        ("The probability is 0.65.", (None, "missing")),
        ("<answer>0.65", (None, "missing")),
        ("", (None, "missing")),
        ("I'm sorry, but I cannot judge people.", (None, "refused")),
        ("I\u2019m unable to tell.", (None, "refused")),
        ("<answer>I cannot say</answer>", (None, "refused")),
        ('The speaker says "I\'m sorry" and leaves. <answer>0.7.</answer>', (None, "missing")),
        ("The man says I can't swim, so <answer>likely</answer>", (None, "missing")),
        ("The man says I can't swim, so <answer>0.7", (None, "missing")),
        ("I cannot see a face, still <answer>0.4</answer>", (0.4, "ok")),  # an answer outweighs its hedges
    ],
)
def test_scalar_answers(text: str, said: tuple[float | None, str]) -> None:
    assert scalar(text) == said


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<answer>0.6", "truncated"),
        ("The video shows", "truncated"),
        ("I cannot help with", "refused"),
        ("<answer>maybe</answer> since", "truncated"),
        ("<answer>0.6</answer> since", "truncated"),  # a thought may weigh it
        ("Okay, the format is <answer>0.50</answer>. The clip shows a ball, so", "truncated"),
        ("At first <answer>0.30</answer>, on the other hand <answer>", "truncated"),
        ("So <answer>0.6</answer>\n", "ok"),  # complete, whatever would have come
    ],
)
def test_an_answer_that_ran_out_of_tokens(text: str, status: str) -> None:
    assert scalar(text, "length")[1] == status


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<answer>Yes</answer>", Parsed(1.0, "ok")),
        ("<answer> no. </answer>", Parsed(0.0, "ok")),
        ("<answer>Yes</answer> or rather <answer>NO</answer>", Parsed(0.0, "ok")),
        ("<answer>Yes and no</answer>", Parsed(None, "missing")),
        ("<answer>0.9</answer>", Parsed(None, "missing")),
        ("Yes", Parsed(None, "missing")),
    ],
)
def test_binary_answers(text: str, said: Parsed) -> None:
    assert parse(text, "binary", "stop") == said


@given(st.integers(0, 10_000), st.text(), st.text())
def test_what_is_written_is_what_is_read(ten_thousandths: int, before: str, after: str) -> None:
    probability = ten_thousandths / 10_000
    assert scalar(f"{before}<answer>{probability:.4f}</answer>{after.replace('<', '')}") == (probability, "ok")


PIECES = st.lists(
    st.sampled_from(["<answer>", "</answer>", "0.5", "0.25", "85%", "7", "-", " ", "to", "<", ".", "Yes"])
)


@given(PIECES, st.sampled_from(["stop", "length"]))
def test_no_probability_is_made_up(pieces: list[str], finish_reason: str) -> None:
    last, under_way = None, None
    for piece in pieces:
        if piece == "<answer>":
            under_way = ""
        elif piece == "</answer>":
            last, under_way = (last if under_way is None else under_way), None
        elif under_way is not None:
            under_way += piece
    parsed = parse("".join(pieces), "scalar", finish_reason)
    if parsed.probability is None:
        assert parsed.status in NOTHING_SAID
    else:
        assert last is not None
        said = last.strip()
        assert parsed.probability == abs(float(said.removesuffix("%")) / (100 if said.endswith("%") else 1)) <= 1


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<answer>0.5</answer>", None, "<answer>0.5</answer>"),
        ("<think>Perhaps <answer>0.2</answer>?</think>\n<answer>0.5</answer>", "Perhaps <answer>0.2</answer>?",
         "<answer>0.5</answer>"),
        ("perhaps</think><answer>0.5</answer>", "perhaps", "<answer>0.5</answer>"),  # the template opened the tag
        ("<think>Perhaps <answer>0.2</answer>", "Perhaps <answer>0.2</answer>", ""),  # cut off while thinking
    ],
)  # fmt: skip
def test_thinking_is_apart_from_the_answer(text: str, reasoning: str | None, answer: str) -> None:
    assert split_reasoning(text) == (reasoning, answer)


MARKS = [
    ("<think>", "</think>"), ("<seed:think>", "</seed:think>"), ("<mm:think>", "</mm:think>"),
    ("<ifm|think_faster>", "</ifm|think_faster>"), ("<think:x7>", "</think:x7>"), ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"), ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"), ("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>"),
    ("<|content_thinking|>", "<|end_message|><|content_text|>"), ("to=self<|message|>", "<|eom|>to=user<|message|>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
]  # fmt: skip


@pytest.mark.parametrize(("opening", "end"), MARKS)
def test_the_marks_of_all_families_are_known(opening: str, end: str) -> None:
    thought = "Perhaps <answer>0.2</answer>, as in <answer>0.50</answer>"
    for text in (f"{opening}{thought}{end}<answer>0.9</answer>", f"{thought}{end}\n<answer>0.9</answer>"):
        heard = hear(text, None, "scalar", "stop", thinks=True)
        assert heard.parsed == Parsed(0.9, "ok")
        assert heard.text == "<answer>0.9</answer>"
    reopened = f"{opening}a{end}<answer>0.9</answer> {opening}No: {thought}"
    for text in (f"{opening}{thought}", f"{opening}a{end}Well. {opening}{thought}", reopened):
        for thinks, finish_reason in ((True, "length"), (False, "length"), (True, None), (False, "stop")):
            heard = hear(text, None, "scalar", finish_reason, thinks=thinks)
            assert heard.parsed == Parsed(None, "truncated")
            assert thought in str(heard.reasoning)


@pytest.mark.parametrize("finish_reason", ["length", "stop", None])
def test_a_thought_without_an_end_is_no_answer_of_a_model_that_thinks(finish_reason: str | None) -> None:
    thought = "The format is <answer>0.50</answer>"
    heard = hear(thought, None, "scalar", finish_reason, thinks=True)
    assert (heard.text, heard.reasoning, heard.parsed) == ("", thought, Parsed(None, "truncated"))
    assert hear(thought, None, "scalar", finish_reason, thinks=False).parsed == Parsed(0.5, "ok")
    for apart in ("so", ""):  # what a server with a reasoning parser gives
        heard = hear("<answer>0.97</answer>", apart, "scalar", finish_reason, thinks=True)
        assert (heard.text, heard.reasoning, heard.parsed) == ("<answer>0.97</answer>", apart, Parsed(0.97, "ok"))
