"""Claims about a run's configuration on disk: it is read back equal, and a mistake is told with its file and line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bench.config import ModelConfig, RunConfig
from tts_bench.config_file import built, default, keys, plain, read, to_toml
from tts_bench.errors import UserError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TEXTS = st.lists(TEXT).map(tuple)
WHOLE = st.none() | st.integers(1, 10**9)
SAID = TEXT.filter(bool)
PATH = st.none() | SAID.filter(lambda text: "\0" not in text).map(Path)
MODEL = st.builds(
    ModelConfig,
    model=st.none() | SAID,
    engine=SAID,
    system=st.none() | TEXT,
    template_args=st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), unique=True).map(
        lambda names: tuple(f'{name}="\x7f\t\\' for name in names if name not in ("messages",))
    ),
    template_date=st.none() | st.dates().map(str),
    temperature=st.none() | st.floats(0, 100),
    top_k=WHOLE,
    answer_sampling=st.sampled_from(["", "temperature=0.5", "top_p=0.9,top_k=3"]),
    max_thinking_tokens=WHOLE,
    seed=st.integers(0, 2**63 - 1),
    store=PATH,
)
RUN = st.builds(
    RunConfig,
    model=MODEL,
    tasks=TEXTS.filter(bool),
    strategies=TEXTS.filter(bool),
    limit=WHOLE,
    data_dir=PATH,
    in_flight=WHOLE,
    timeout=st.floats(0.001, 1e9),
    out=PATH,
)


@given(RUN)
def test_a_configuration_is_read_back_equal_from_toml_and_from_json(
    tmp_path_factory: pytest.TempPathFactory, config: RunConfig
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name, text in {"run.toml": to_toml(config), "run.json": json.dumps(plain(config))}.items():
        (folder / name).write_bytes(text.encode())
        assert built(read(folder / name)) == config


def test_every_field_is_a_key_and_what_is_not_said_has_its_default() -> None:
    model, run = ({field.name for field in fields(cls)} for cls in (ModelConfig, RunConfig))
    assert set(keys()) == model | run
    config = RunConfig(ModelConfig(), ("a",), ("b",))
    assert {key for key, value in plain(config).items() if value != default(key)} == {"tasks", "strategies"}
    assert built({"tasks": ("a",), "strategies": ("b",)}) == config


@pytest.mark.parametrize(
    ("text", "says"),
    {
        'tasks = ["gsm8k"]\n\nsed = 3\n': "run.toml, line 3: there is no key 'sed'. Did you mean 'seed'?",
        "max-thinking-tokens = 3": "line 1: there is no key 'max-thinking-tokens'. Did you mean 'max_thinking_tokens'?",
        "# rows = 3\nrows = 3": "line 2: there is no key 'rows'. It is an option of the engine. Type",
        'seed = 1\n"limit" = "many"': 'line 2: limit is "many"; it takes a whole number.',
        "limit = true": "line 1: limit is true; it takes a whole number.",
        "limit = 1.0": "line 1: limit is 1.0; it takes a whole number.",
        f"timeout = 1{'0' * 400}": "line 1: timeout is 1000",
        "timeout = nan": "line 1: timeout is NaN; it takes a number.",
        'tasks = "gsm8k"': 'line 1: tasks is "gsm8k"; it takes a list of texts, such as ["a", "b"].',
        "strategies = [3]": "line 1: strategies is [3]; it takes a list of texts",
        "engine = 3": "line 1: engine is 3; it takes a text.",
        "data_dir = 3": "line 1: data_dir is 3; it takes a path, as text.",
        "template_date = 2026-01-31": 'line 1: template_date is "2026-01-31"; it takes a text.',
        "[model]\nseed = 3": 'line 1: model is {"seed": 3}; it takes a text.',
        "seed = 3\nseed = 4": "run.toml is not a valid TOML configuration: Cannot overwrite a value",
        "seed = [": "run.toml is not a valid TOML configuration: Invalid value",
        "a = " + "[" * 100_000: "run.toml is not a valid TOML configuration: ",
        "limit = 0": "run.toml, line 1: limit is 0; it takes a whole number from 1 upwards.",
    }.items(),
)
def test_a_mistake_in_a_file_is_told_with_file_and_line_and_what_to_type(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        built({"tasks": (), "strategies": (), **read(tmp_path / "run.toml")})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    {
        json.dumps({"tasks": [], "sed": 3}, indent=1): "run.json, line 3: there is no key 'sed'. Did you mean 'seed'?",
        "[1]": "run.json: a configuration is a table of keys and values, not a list.",
        "{": "run.json is not a valid JSON configuration: ",
    }.items(),
)
def test_json_is_refused_alike(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError) as caught:
        read(tmp_path / "run.json")
    assert says in str(caught.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--config .*/gone\.toml cannot be read: No such file"):
        read(tmp_path / "gone.toml")
    with pytest.raises(UserError, match="it is not a regular file"):
        read(tmp_path)
