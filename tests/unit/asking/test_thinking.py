"""Whether a judge thinks is known before its answers are read, and decides what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
from asking_world import MEDIA, N_ITEMS, ask, judge
from chat_server import ChatServer
from hostile.endpoint import placed

from umui.asking.server import flags
from umui.asking.thinking import reasoning_parser, thinks, with_parser

ASSISTANT = "<|im_start|>assistant\\n"
OPEN = (
    "{%- for m in messages %}{{ m.role }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ 'ASSISTANT<think>\\\\n' }}{% endif %}"
)
HYBRID = (
    "{%- for m in messages %}{{ m.content[0].text }}{%- endfor %}{%- if add_generation_prompt %}{{ 'ASSISTANT' }}"
    "{%- if enable_thinking is defined and enable_thinking is CONDITION %}{{ 'LITERAL' }}{%- endif %}{%- endif %}"
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (OPEN, True),
        (OPEN.replace("<think>", "[THINK]"), True),
        (OPEN.replace("<think>", ""), False),
        (HYBRID.replace("CONDITION", "false").replace("LITERAL", "<think></think>"), False),
        (HYBRID.replace("CONDITION", "true").replace("LITERAL", "<think>"), False),
        ("{{ raise_exception('no') }}", False),
        ("{% for", False),
        ("{% generation %}{{ 'ASSISTANT<think>' }}{% endgeneration %}", True),
    ],
)
@pytest.mark.parametrize("place", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
def test_the_chat_template_says_whether_a_model_thinks(
    tmp_path: Path, template: str, expected: bool, place: str
) -> None:
    template = template.replace("ASSISTANT", ASSISTANT)
    said = template if place.endswith("jinja") else json.dumps({"chat_template": template})
    (tmp_path / place).write_text(said)
    assert thinks(judge(None), str(tmp_path)) is expected


def test_settings_come_before_the_template_and_the_name_after_it(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(OPEN)
    settings = judge(None)
    assert not thinks(settings.model_copy(update={"thinking": False}), str(tmp_path))
    assert thinks(settings.model_copy(update={"thinking": True}), "Qwen/Qwen3-VL-32B-Instruct")
    assert thinks(settings, "Qwen/Qwen3-VL-32B-Thinking")
    assert not thinks(settings, "Qwen/Qwen3-VL-32B-Instruct")


def test_a_judge_without_the_setting_has_the_same_json_as_before() -> None:
    assert "thinking" not in json.loads(judge(None).as_json())
    assert json.loads(judge(None).model_copy(update={"thinking": True}).as_json())["thinking"] is True


@pytest.mark.parametrize(
    ("model", "parser"),
    [
        ("Qwen/Qwen3-Omni-30B-A3B-Thinking", "qwen3"),
        ("deepseek-ai/DeepSeek-R1", "deepseek_r1"),
        ("zai-org/GLM-4.5V", "glm45"),
        ("openai/gpt-oss-20b", "openai_gptoss"),
        ("mistralai/Magistral-Small-2509", "mistral"),
        ("somebody/thinking-thing", None),
    ],
)
def test_a_server_gets_the_parser_of_its_family(model: str, parser: str | None) -> None:
    assert reasoning_parser(model) == parser
    line = flags(with_parser(judge(None).server, model), MEDIA, ["text"])
    assert line[-2:] == ["--reasoning-parser", parser] or parser is None
    own = judge(None).server.model_copy(update={"arguments": ["--reasoning-parser", "hf"]})
    assert with_parser(own, model) == own


def test_the_type_of_a_local_model_names_its_parser(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl_moe"}))
    assert reasoning_parser(str(tmp_path)) == "qwen3"


def test_a_thought_that_was_cut_off_is_no_vote(server: ChatServer, world: Path) -> None:
    said = "Okay, the user wants a number like <answer>0.50</answer>"

    def thought(number: int, honest: dict[str, Any]) -> bytes:
        cut = placed(honest, ("choices", 0, "message", "content"), said)
        ended = placed(cut, ("choices", 1, "message", "content"), f"{said}. So</think>\n<answer>0.97</answer>")
        apart = {"content": None, "reasoning": said}
        return json.dumps(placed(ended, ("choices", 2, "message"), apart)).encode()

    server.mangled = thought
    settings = judge(server.url).model_copy(update={"thinking": True})
    votes = ask(settings, world)
    cut = [vote for vote in votes if vote["text"] == "" and vote["reasoning"] == said]
    assert {(vote["probability"], vote["parse_status"]) for vote in cut} == {(None, "truncated"), (None, "missing")}
    assert len(cut) == 2 * N_ITEMS
    assert sum(vote["probability"] == 0.97 for vote in votes) == N_ITEMS
    assert all(vote["probability"] in (None, 0.97) for vote in votes)


def test_a_thought_that_is_opened_again_and_cut_off_takes_its_answer_along(server: ChatServer, world: Path) -> None:
    said = "<think>a</think><answer>0.9</answer> <think>No, wait: <answer>0.1</answer>"
    place = ("choices", 0, "message", "content")
    server.mangled = lambda number, honest: json.dumps(placed(honest, place, said)).encode()
    votes = [vote for vote in ask(judge(server.url), world) if "No, wait" in str(vote["reasoning"])]
    assert len(votes) == N_ITEMS
    assert {(vote["probability"], vote["parse_status"]) for vote in votes} == {(None, "truncated")}
