"""The fixed texts and conversations with which both sides' tokenizers and chat templates are tried."""

from __future__ import annotations

from typing import Any

__all__ = ["CONVERSATIONS", "TEXTS"]

TEXTS: tuple[str, ...] = (
    "The quick brown fox jumps over the lazy dog, doesn't it? I'll say it's 'fine'.",
    "HELLO World hello WORLD hElLo, naïve café déjà-vu Straße İstanbul",
    "0 1 12 123 1234 12345 3.14159 -2e-5 1,000,000 0xFF 2026-11-23 10:30:00 +49 30 1234567",
    "def f(x: int) -> list[str]:\n    if x >= 10 and not y:\n\t\treturn [str(i) for i in range(x)]  # why?\n",
    '{"key": [1, 2.5, null, true], "nested": {"a\\n": "b\\u00e9"}}</html><a href="https://example.com/?q=1&r=%20">',
    "  leading,   inner    and trailing spaces   \n\n\n two\ttabs\t\there\r\nend \u00a0nbsp\u200bzero\u3000wide",
    "Привет, как дела? Ελληνικά γράμματα. שלום עולם مرحبا بالعالم كيف الحال",
    "你好，世界。今天天气怎么样？東京は日本の首都です。カタカナ ｶﾀｶﾅ ひらがな 안녕하세요 세계",
    "नमस्ते दुनिया ประเทศไทย தமிழ் বাংলা ქართული አማርኛ Tiếng Việt ភាសាខ្មែរ",
    "👍🏽 👩‍👩‍👧‍👦 🇩🇪 ½ ² ™ ﬁ Å e\u0301 é ℌ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ∑∫√≠ “quotes” – — … «»",
    "<s></s><pad><unk><|endoftext|><|im_start|>user\nhi<|im_end|>[CLS] a [SEP] [MASK] <start_of_turn><bos><mask>",
    "[INST] x [/INST] <<SYS>> <think>why</think> <tool_call>{}</tool_call> <|begin_of_text|><|eot_id|> ▁a Ġb ##c",
    "antidisestablishmentarianism Donaudampfschifffahrtsgesellschaft aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa xzqjkvbw",
    "",
    " ",
    "a" * 40 + " " + "word " * 700,
)
"""Many scripts, digits, code, whitespace, special tokens. The last one is longer than 512, the usual truncation."""

_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Look up the weather.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Name of the city."},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city"],
            },
        },
    }
]
_SYSTEM = {"role": "system", "content": "You are terse."}
_USER = {"role": "user", "content": "What is 2+2?\nAnswer 'briefly' <now>."}
_ASSISTANT = {"role": "assistant", "content": "4"}
_THOUGHT = {
    "role": "assistant",
    "content": "<think>\nIt is four.\n</think>\n\n4",
}
_REASONED = {"role": "assistant", "content": "4", "reasoning_content": "It is four."}
_CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call00001",
            "type": "function",
            "function": {"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}},
        }
    ],
}
_RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"degrees": 21}'}
_PARTS = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is in the picture?"}]}
_AGAIN = {"role": "user", "content": "  And 3+3?  "}

_MESSAGES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]] | None]] = {
    "a user turn": ([_USER], None),
    "a system turn": ([_SYSTEM, _USER], None),
    "several turns": ([_SYSTEM, _USER, _ASSISTANT, _AGAIN, _ASSISTANT], None),
    "several turns without a system turn": ([_USER, _ASSISTANT, _AGAIN], None),
    "reasoning in the text": ([_USER, _THOUGHT, _AGAIN], None),
    "reasoning beside the text": ([_USER, _REASONED, _AGAIN, _REASONED], None),
    "tools": ([_USER], _TOOLS),
    "tools and a system turn": ([_SYSTEM, _USER], _TOOLS),
    "a tool call and its result": ([_SYSTEM, _USER, _CALL, _RESULT], _TOOLS),
    "an answer after a tool call": ([_USER, _CALL, _RESULT, _ASSISTANT, _AGAIN], _TOOLS),
    "an image": ([_PARTS], None),
    "two user turns": ([_USER, _AGAIN], None),
    "an answer first": ([_ASSISTANT, _USER], None),
    "no turns": ([], None),
}


def _conversations() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, (messages, tools) in _MESSAGES.items():
        for prompt in (False, True):
            given = {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": prompt}
            found[name + (" with generation prompt" if prompt else "")] = given
    asked = found["a user turn with generation prompt"]
    for thinking in (True, False):
        found[f"thinking {'on' if thinking else 'off'}"] = asked | {"enable_thinking": thinking}
    return found


CONVERSATIONS: dict[str, dict[str, Any]] = _conversations()
"""The variables that a template is rendered with, by the name that changes show."""
