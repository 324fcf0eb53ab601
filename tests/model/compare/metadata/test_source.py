"""Reading modeling code: which reads of a setting can matter at inference."""

from __future__ import annotations

import textwrap

import pytest

from tests.model.compare.metadata.source import SourceReader


def matters(source: str, name: str = "key") -> bool:
    return SourceReader(textwrap.dedent(source)).matters(name)


HARMLESS = (
    # Dropout, as a module and as a function.
    "class A(nn.Module):\n def __init__(self, config):\n  self.d = nn.Dropout(config.key)",
    """
    class A(nn.Module):
        def __init__(self, config):
            self.key = config.key
        def forward(self, x):
            return nn.functional.dropout(x, p=self.key, training=self.training)
    """,
    """
    class A(nn.Module):
        def __init__(self, config):
            self.key = config.key
        def forward(self, x):
            return attend(x, dropout=0.0 if not self.training else self.key)
    """,
    # Through the constructor of another class, and a list of rates.
    """
    class Path(nn.Module):
        def __init__(self, rate):
            self.rate = rate
        def forward(self, x):
            return drop_path(x, self.rate, self.training)
    class A(nn.Module):
        def __init__(self, config):
            rates = [x.item() for x in torch.linspace(0, config.key, config.depth)]
            self.layers = [Path(rates[i]) for i in range(config.depth)]
    """,
    """
    class A(nn.Module):
        def __init__(self, config):
            self.d = nn.Dropout(config.key) if config.key > 0 else nn.Identity()
    """,
    # Losses and training.
    "def forward(self, x, labels=None):\n if labels is not None:\n  loss = f(x) * self.config.key\n return x",
    "def forward(self, x):\n if self.training and self.config.key > 0:\n  x = x * 2\n return x",
    """
    class A(nn.Module):
        def mask(self, x, mask_time_indices=None):
            if not getattr(self.config, "key", True):
                return x
            size = x.size()
            if mask_time_indices is not None:
                x = x * 2
            elif self.config.rate > 0 and self.training:
                x = x * 3
            return x
    """,
    # Initial values, parameters that a checkpoint replaces, messages.
    "class A(nn.Module):\n def _init_weights(self, module):\n  module.weight.normal_(std=self.config.key)",
    "class A(nn.Module):\n def __init__(self, config):\n  self.scale = nn.Parameter(torch.tensor(config.key))",
    "def f(config):\n logger.warning(f'{config.key} is ignored')",
    "def f(config):\n if config.key > 1:\n  raise ValueError('too large')",
    # Another class's attribute of the same name.
    """
    class A(nn.Module):
        def __init__(self, config):
            self.key = config.key
        def forward(self, x):
            return nn.functional.dropout(x, p=self.key, training=self.training)
    class B(nn.Module):
        def forward(self, x):
            return self.key(x)
    """,
    "x = 1",
)

MATTERS = (
    # Thresholds that short inputs do not reach.
    "def forward(self, x):\n if x.shape[1] > self.config.key:\n  x = x * 2\n return x",
    """
    class A(nn.Module):
        def __init__(self, config):
            self.window = config.key
        def forward(self, x):
            return x if x.shape[1] < self.window else x[:, -self.window :]
    """,
    # Dropout that is not told of eval mode, or told that it trains.
    "def forward(self, x):\n return nn.functional.dropout(x, p=self.config.key)",
    "def forward(self, x):\n return nn.functional.dropout(x, p=self.config.key, training=True)",
    # Shapes and the number of layers.
    "class A(nn.Module):\n def __init__(self, config):\n  self.f = nn.Linear(config.key, 2)",
    "class A(nn.Module):\n def __init__(self, config):\n  self.l = [f() for _ in range(config.key)]",
    # Read by ways that are not followed.
    "def forward(self, x):\n return x * getattr(self.config, name)\nnames = ['key', 'other']",
    "class A:\n def __init__(self, config):\n  self.args = config.to_dict()",
    "class A:\n def __init__(self, config):\n  super().__init__(**config)",
    "def forward(self, x):\n return x * getattr(self.config, f'{self.kind}_key')\nx.other_key",
    """
    class A(nn.Module):
        def __init__(self, config):
            self.held = config
        def forward(self, x):
            return x * self.held.key
    """,
    # Both in training and in eval mode.
    "def forward(self, x):\n if self.training or self.config.key:\n  x = x * 2\n return x",
    "def forward(self, x):\n if not self.training:\n  x = x * self.config.key\n return x",
    """
    class A(nn.Module):
        def mask(self, x):
            if not self.config.key:
                return x
            return x * 2
    """,
    # Attributes that others read.
    """
    class A(nn.Module):
        def __init__(self, config):
            self.cap = config.key
    class B(nn.Module):
        def forward(self, x):
            return x * self.a.cap
    """,
    """
    class A(nn.Module):
        def __init__(self, config):
            self.cap = config.key
    class B(A):
        def forward(self, x):
            return x * self.cap
    """,
)


@pytest.mark.parametrize("source", HARMLESS)
def test_a_read_that_eval_mode_ignores_is_harmless(source: str) -> None:
    assert not matters(source)


@pytest.mark.parametrize("source", MATTERS)
def test_any_other_read_matters(source: str) -> None:
    assert matters(source) or matters(source, "other_key")


def test_a_library_s_function_of_that_name_is_no_setting() -> None:
    assert not matters("def forward(self, x):\n return torch.nn.functional.key(x)")


def test_lines_that_read_a_setting_are_known() -> None:
    assert SourceReader("x\ny = config.key\nz = getattr(config, 'key', 1)").lines("key") == {2, 3}
