"""Changes of chat templates, from what people fixed and added in the templates of public models."""

# ruff: noqa: E501 - templates are published with long lines
from __future__ import annotations

from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair

# As in Qwen2.5, with tools.
_QWEN = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

# As in Mistral 7B Instruct: roles must alternate, and there is no system message.
_MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

# As in models that reason: what was thought in earlier turns is left out.
_REASONING = """\
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- set content = message.content %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|assistant|>' + content + '<|end|>' }}
    {%- else %}
        {{- '<|' + message.role + '|>' + message.content + '<|end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

_GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)


def _files(source: str) -> Files:
    return {
        "chat_template.jinja": source,
        "tokenizer_config.json": {
            "bos_token": "<s>",
            "eos_token": "</s>",
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    }


def _edited(name: str, level: object, source: str, *edits: tuple[str, str], why: str = "") -> MadePair:
    changed = source
    for old, new in edits:
        assert old in changed, (name, old)
        changed = changed.replace(old, new)
    return MadePair(name, "templates", level, lambda: _files(source), lambda: _files(changed), why)  # type: ignore[arg-type]


_FLAG = (
    "{% for message in messages %}{% if message.role == 'system' and not loop.first %}{% set ns.late = true %}{% endif %}"
    "{{ message.content }}{% endfor %}{% if ns.late and messages | length == 9 and tools %}{{ 'Mind the rules.' }}{% endif %}"
)
_DEFAULT = "'You are a helpful assistant.'"

PAIRS = (
    # Written differently.
    _edited(
        "qwen: a comment",
        PATCH,
        _QWEN,
        ("{%- for message in messages %}", "{#- Turns. #}\n{%- for message in messages %}"),
    ),
    _edited("qwen: brackets instead of dots", PATCH, _QWEN, ("message.role", "message['role']")),
    _edited(
        "qwen: two outputs in one",
        PATCH,
        _QWEN,
        ('        {{- "\\n" }}\n        {{- tool | tojson }}', '        {{- "\\n" ~ (tool | tojson) }}'),
    ),
    _edited(
        "mistral: indented", PATCH, _MISTRAL, ("{% for message in messages %}", "{%- for message in messages -%}\n    ")
    ),
    _edited(
        "qwen: an elif as an else with an if",
        PATCH,
        _MISTRAL,
        (
            "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}",
            "{% else %}{% if message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endif %}",
        ),
    ),
    # What was refused is accepted; what was accepted renders as before.
    _edited(
        "mistral: a system turn is accepted",
        MINOR,
        _MISTRAL,
        (
            "{{ bos_token }}",
            "{{ bos_token }}{% if messages and messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] %}{% set messages = messages[1:] %}{% else %}{% set first = none %}{% endif %}",
        ),
        (
            "{{ '[INST] ' + message",
            "{{ '[INST] ' + (first + '\n\n' if first is not none and loop.first else '') + message",
        ),
    ),
    _edited(
        "qwen: null content of an answer",
        MINOR,
        _QWEN,
        ("message.role + '\\n' + message.content +", "message.role + '\\n' + (message.content or '') +"),
        why="Null was refused: text and null cannot be joined.",
    ),
    _edited(
        "gemma: the same loop with another name",
        MINOR,
        _GEMMA,
        ("for message in", "for turn in"),
        ("message[", "turn["),
    ),
    _edited(
        "gemma: the role chosen in one expression",
        MINOR,
        _GEMMA,
        (
            "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}",
            "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}",
        ),
    ),
    _edited(
        "gemma: a system turn is accepted",
        MINOR,
        _GEMMA,
        (
            "{{ raise_exception('System role not supported') }}",
            "{{ '<start_of_turn>user\n' + messages[0]['content'] | trim + '<end_of_turn>\n' }}{% set messages = messages[1:] %}",
        ),
    ),
    # Rendered differently, in places that a plain conversation does not reach.
    _edited("qwen: the default system turn", MAJOR, _QWEN, (_DEFAULT, "'You are Qwen.'"), why="With tools alone."),
    _edited(
        "qwen: a late system turn is dropped", MAJOR, _QWEN, (' or (message.role == "system" and not loop.first)', "")
    ),
    _edited(
        "qwen: results in one turn each",
        MAJOR,
        _QWEN,
        ('{%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}', "{%- if true %}"),
    ),
    _edited(
        "qwen: string arguments as they are",
        MAJOR,
        _QWEN,
        (
            "{{- tool_call.arguments | tojson }}",
            "{{- tool_call.arguments if tool_call.arguments is string else tool_call.arguments | tojson }}",
        ),
    ),
    _edited("qwen: tools indented", MAJOR, _QWEN, ("{{- tool | tojson }}", "{{- tool | tojson(indent=2) }}")),
    _edited("qwen: tools in ASCII", MAJOR, _QWEN, ("{{- tool | tojson }}", "{{- tool | tojson(ensure_ascii=true) }}")),
    _edited(
        "qwen: empty results are dropped",
        MAJOR,
        _QWEN,
        (
            "        {{- message.content }}\n        {{- '\\n</tool",
            "        {{- message.content if message.content else 'none' }}\n        {{- '\\n</tool",
        ),
    ),
    _edited(
        "qwen: content beside calls is dropped",
        MAJOR,
        _QWEN,
        ("        {%- if message.content %}\n", "        {%- if message.content and not message.tool_calls %}\n"),
    ),
    _edited(
        "qwen: the developer's role",
        MAJOR,
        _GEMMA,
        (
            "{% else %}{% set role = message['role'] %}",
            "{% elif message['role'] == 'developer' %}{% set role = 'system' %}{% else %}{% set role = message['role'] %}",
        ),
    ),
    _edited(
        "reasoning: thoughts of earlier turns are kept",
        MAJOR,
        _REASONING,
        ("if '</think>' in content %}", "if '</think>' in content and loop.last %}"),
    ),
    _edited(
        "reasoning: thoughts beside the content",
        MAJOR,
        _REASONING,
        (
            "{%- set content = message.content %}",
            "{%- set content = message.content %}\n{%- if message.reasoning_content %}{%- set content = '<think>' + message.reasoning_content + '</think>' + content %}{%- endif %}",
        ),
    ),
    _edited(
        "reasoning: thinking switched off by another default",
        MAJOR,
        _REASONING,
        ("enable_thinking is defined and enable_thinking is false", "not enable_thinking"),
    ),
    _edited(
        "reasoning: a word in the user's turn",
        MAJOR,
        _REASONING,
        (
            "    {%- else %}\n        {{- '<|' + message.role",
            "    {%- elif message.content.endswith('/no_think') %}\n        {{- '<|user|>' + message.content[:-9] + '<|end|>' }}\n    {%- else %}\n        {{- '<|' + message.role",
        ),
    ),
    _edited(
        "reasoning: an effort that callers may set",
        MAJOR,
        _REASONING,
        (
            "{%- if add_generation_prompt %}",
            "{%- if reasoning_effort is defined and reasoning_effort == 'high' %}\n{{- 'Think hard.' }}\n{%- endif %}\n{%- if add_generation_prompt %}",
        ),
    ),
    _edited(
        "mistral: white space around turns",
        MAJOR,
        _MISTRAL,
        ("'[INST] ' + message['content'] +", "'[INST] ' + message['content'] | trim +"),
    ),
    _edited(
        "gemma: many turns are cut",
        MAJOR,
        _GEMMA,
        (
            "{% for message in messages %}",
            "{% if messages | length > 20 %}{% set messages = messages[-20:] %}{% endif %}{% for message in messages %}",
        ),
    ),
    _edited(
        "gemma: a branch that nothing reaches",
        MAJOR,
        _GEMMA,
        (
            "{% if add_generation_prompt %}",
            "{% if messages | length == 12345 %}{{ 'x' }}{% endif %}{% if add_generation_prompt %}",
        ),
        why="Nobody knows what it does.",
    ),
    _edited(
        "qwen: a flag that is set in one more case, and asked for in few",
        MAJOR,
        "{% set ns = namespace(late=false) %}" + _FLAG,
        ("message.role == 'system' and not loop.first", "message.role in ['system', 'developer'] and not loop.first"),
        why="Only long conversations show it.",
    ),
    MadePair(
        "a first template that was an error", "templates", MINOR, lambda: _files("{% for"), lambda: _files(_MISTRAL)
    ),
    MadePair(
        "a template that becomes an error", "templates", MAJOR, lambda: _files(_MISTRAL), lambda: _files("{% for")
    ),
)
