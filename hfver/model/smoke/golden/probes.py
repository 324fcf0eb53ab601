"""The fixed texts and conversations of every golden. They are stored in it, so that later versions may have others."""

from __future__ import annotations

from typing import Any

from hfver.model.smoke.fixed_texts import OTHER_TEXTS, PROMPTS, SENTENCES

__all__ = ["CONVERSATIONS", "MADE", "TEXTS"]

TEXTS: tuple[str, ...] = (
    *SENTENCES,
    *PROMPTS,
    *OTHER_TEXTS.values(),
    "The quick brown fox jumps over 13 lazy dogs; it costs $4.50 (or 2/3 of that).",
    "Dear Sir or Madam, I am writing to ask whether my order of the 3rd of May has been sent. Best regards, A. Smith",
    "Question: Which river flows through Paris?\nAnswer: The Seine.",
    "Water boils at 100 °C at sea level, and at a lower temperature on a mountain.",
    "HELLO World hELLO naïve café déjà-vu Straße İstanbul e\u0301",
    "0 1 12 123 1234 12345 3.14159 -2e-5 1,000,000 0xFF 2026-11-23 10:30:00 +49 30 1234567",
    "  leading,   inner    and trailing spaces   \n\n\n two\ttabs\t\there\r\nend \u00a0nbsp\u200bzero\u3000wide",
    '{"key": [1, 2.5, null, true], "nested": {"a\\n": "b"}}</html><a href="https://example.com/?q=1&r=%20">',
    "שלום עולם ประเทศไทย தமிழ் বাংলা ქართული አማርኛ Tiếng Việt ភាសាខ្មែរ",
    "👍🏽 👩‍👩‍👧‍👦 🇩🇪 ½ ² ™ ﬁ Å ℌ ∑∫√≠ “quotes” – — … «»",
    "<s></s><pad><unk><|endoftext|><|im_start|>user\nhi<|im_end|>[CLS] a [SEP] [MASK] <start_of_turn><bos><mask>",
    "[INST] x [/INST] <<SYS>> <think>why</think> <tool_call>{}</tool_call> <|begin_of_text|><|eot_id|> ▁a Ġb ##c",
    "antidisestablishmentarianism Donaudampfschifffahrtsgesellschaft aaaaaaaaaaaaaaaaaaaa xzqjkvbw",
    "SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name; -- adults",
    "\\frac{a}{b} = \\sqrt{x^2 + y^2}, \\quad \\forall x \\in \\mathbb{R}",
    "I'm you're he'll won't it's O'Neill rock'n'roll 'quoted' \"double\"",
    "!!! ??? ... ,,, ;;; ::: --- ___ *** ### @@@ %%% &&& ((( ))) [[[ ]]]",
    "a",
    " ",
    "",
)
"""About 40 texts: plain English for the numbers, and what tokenizers differ on."""

_USER = {"role": "user", "content": "What is the capital of France? Answer 'briefly' <now>."}
_ASSISTANT = {"role": "assistant", "content": "Paris."}
_SYSTEM = {"role": "system", "content": "You are a terse assistant."}
_TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Look up the weather.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "Name of the city."}},
                "required": ["city"],
            },
        },
    }
]
_CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    ],
}
_RESULT = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "Sunny, 21 degrees."}

CONVERSATIONS: tuple[dict[str, Any], ...] = (
    {"name": "plain", "turns": [_USER, _ASSISTANT]},
    {"name": "prompt", "turns": [_USER], "prompt": True},
    {"name": "turns", "turns": [_USER, _ASSISTANT, {"role": "user", "content": "And of Italy?"}], "prompt": True},
    {"name": "system", "turns": [_SYSTEM, _USER], "prompt": True},
    {"name": "tools", "turns": [_USER], "tools": _TOOLS, "prompt": True},
    {"name": "tool result", "turns": [_USER, _CALL, _RESULT], "tools": _TOOLS, "prompt": True},
    {"name": "unknown role", "turns": [{"role": "narrator", "content": "It rains."}, _USER]},
)
"""Conversations by what they try. A template may refuse some; that it does is recorded."""

MADE = {"picture": [200, 150], "sound": 1.0}
"""The made picture's width and height in pixels, and the made sound's seconds."""
