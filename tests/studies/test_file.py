"""Claims about a study as a file: what it resolves to, and that a mistake is one message with a line."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.made_up import answer, record
from tests.analysis.run_folders import write_run
from tests.refusals import check_message, contents, place  # noqa: F401 - a fixture
from tests.studies.small import HMM, STRATEGIES, WAIT, WHOLE
from tts_bench.cli import main as root
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.studies.file import parsed, read
from tts_bench.studies.folder import states
from tts_bench.studies.part import answered, asked
from tts_bench.studies.start import text as start
from tts_bench.studies.study import Named, Study

MODEL = "[models.adder]\nengine = 'scripted'\n"
BASE = f"strategies = {STRATEGIES}\ntasks = ['gsm8k']\n\n{MODEL}"
VOTE = f"{BASE}[comparisons.a]\nleft = 'majority-vote'\nright = 'baseline'\n"
VOTES = "[comparisons.b]\nleft = 'majority-vote:samples=3'\nright = 'baseline'\nat = 'last'\n"
MIRRORED = "[comparisons.b]\nleft = 'baseline'\nright = 'majority-vote'\n"
BAD = {
    "seeds = [": "line 1: this is not valid TOML: Invalid value",
    "seeds = [0]\nseeds = [1]": "line 2: this is not valid TOML: Cannot overwrite a value",
    "\n\nmodels = {a = ": "line 3: this is not valid TOML",
    "a = " + "[" * 100_000: "line 1: this is",
    "": "line 1: the study has no model. Add a table for each one, such as",
    f"seed = 1\n{MODEL}": "line 1: a study cannot set seed here. A study has a list of them at its top",
    f"model = 'pocket'\n{MODEL}": "line 1: a study cannot set model here. A study has a table for each model",
    f"store = 'a.sqlite'\n{MODEL}": "line 1: a study cannot set store here",
    f"# seed\nsede = 1\n{MODEL}": "line 2: there is no key 'sede'",
    f"limt = 1\n{MODEL}": "line 1: there is no key 'limt'. Did you mean 'limit'",
    f"rows = 3\n{MODEL}": "line 1: there is no key 'rows'. It is an option of the engine",
    f"limit = 'few'\n{MODEL}": 'line 1: limit is "few"; it takes a whole number',
    f"\nlimit = 0\n{MODEL}": "line 2: limit is 0; it takes",
    **{
        f"seeds = {said}\n{MODEL}": "line 1: seeds is .*; it takes different whole numbers"
        for said in ("3", "[]", "[1, 1]", "[-1]", "[true]", "[0.5]", "['0']")
    },
    "models = ['pocket']": 'line 1: models is \\["pocket"\\]; it takes a table for a model',
    "[models]\npocket = 3": "line 2: models.pocket is 3; it takes a table for a model",
    '[models.""]\nmodel = "pocket"': "line 1: the name of a model is empty",
    f"{MODEL}seed = 3": "line 3: a study cannot set seed here",
    f"{MODEL}out = 'a'": "line 3: a study cannot set out here",
    f"{MODEL}temprature = 1": "line 3: there is no key 'temprature'. Did you mean 'temperature'",
    f"{MODEL}temperature = 'hot'": 'line 3: temperature is "hot"; it takes a number',
    f"{MODEL}max_thinking_tokens = 0": "line 3: max_thinking_tokens is 0; it takes",
    "[models.smollm]": "line 1: No model is called 'smollm'.*Did you mean 'smollm2'",
    "[models.a]\nengine = 'scripted'\nmodel = 'ader'": "line 3: the engine 'scripted' has no script 'ader'",
    "[models.a]\n\nengine = 'hff'": "line 3: there is no engine 'hff'",
    f"tasks = ['gsm9k']\n{MODEL}": "line 1: There is no task 'gsm9k'",
    f"{MODEL}tasks = ['gsm9k']": "line 3: There is no task 'gsm9k'",
    f"strategies = [\n  'baseline',\n  'baselin',\n]\n{MODEL}": "line 3: .*'baselin'. Did you mean 'baseline'",
    f"strategies = ['baseline',\n'majority-vote:samples=0']\n{MODEL}": "line 2: .*samples is 0; it takes",
    f"strategies = ['baseline', 'baseline']\n{MODEL}": "line 1: 'baseline' is given twice",
    f"strategies = []\n{MODEL}": r"line 1: strategies is \[\]; it takes at least one",
    f"{MODEL}strategies = []": r"line 3: strategies is \[\]; it takes at least one",
    f"tasks = []\n{MODEL}": r"line 1: tasks is \[\]; it takes at least one",
    f"\ndata_dir = '/nope'\n{MODEL}": "line 2: The data folder /nope does not exist",
    f"{MODEL}data_dir = '/nope'": "line 3: The data folder /nope does not exist",
    f"\ufeffsede = 1\n{MODEL}": "line 1: there is no key 'sede'",
    f"strategies = ['./gone.py:Mine']\n{MODEL}": r"line 1: there is no file '\./gone\.py'",
    f"strategies = ['best-of-n:scorer=mine']\n{MODEL}": "line 2: .*--scorer",
    "[models.a]\nmodel='adder'\nengine='scripted'\n[models.A]\nmodel='adder'\nengine='scripted'": (
        "line 4: the models 'a' and 'A' would share the folder"
    ),
    f"{BASE}[comparisons]\nvote = 3": "line 7: comparisons.vote is 3; it takes a table for a comparison",
    f"{BASE}[comparisons.a]\nleft = 'baseline'": "line 6: right of the comparison 'a' is null; it takes a strategy",
    f"{BASE}[comparisons.a]\nleft = 3\nright = 'baseline'": "line 7: left of the comparison 'a' is 3",
    f"{BASE}[comparisons.a]\nlft = 'baseline'": "line 7: there is no key 'lft'. Did you mean 'left'",
    f"{BASE}[comparisons.a]\nleft = 'vote'\nright = 'baseline'": "line 7: adder has no strategy 'vote'",
    f"{BASE}[comparisons.a]\nleft = 'budget-forcing'\nright = 'baseline'": "line 7: .*no strategy 'budget-forcing'",
    f"{BASE}[comparisons.a]\nleft = 'baseline'\nright = 'baseline'": "line 8: 'a' compares .* with itself",
    f"{BASE}[comparisons.a]\nleft = 'majority-vote'\nright = 'baseline'\nat = 'end'": 'line 9: at is "end"; it takes',
    f"{BASE}[comparisons.a]\nleft = 'majority-vote'\nright = 'baseline'\nmodels = ['b']": "line 9: there is no model",
    f"{BASE}[comparisons.a]\nleft = 'majority-vote'\nright = 'baseline'\nmodels = 'b'": 'line 9: models is "b"; it',
    f"{VOTE}models = ['adder', 'adder', 'adder']": "line 9: the model 'adder' is named twice",
    f"{VOTE}{VOTES}": "line 9: 'a' and 'b' both compare majority-vote.* with baseline.* on adder. Remove one",
    f"{VOTE}{MIRRORED}": "line 9: 'a' and 'b' both compare baseline.* with majority-vote.* on adder",
    f"{VOTE}{VOTES}models = ['adder']": "line 9: 'a' and 'b' both compare",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_study_is_one_message_with_a_line_and_nothing_is_written_or_loaded(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setitem(sys.modules, "tts_bench.runs.run", None)  # importing it raises: nothing heavy may follow
    Path("bad.toml").write_text(text, "utf-8")
    before = contents(place)
    assert root._run(["study", "run", "bad.toml"]) == 2
    message = capsys.readouterr().err
    check_message(message)
    assert re.search(f"^error: bad.toml, {BAD[text]}", message), message
    assert contents(place) == before


def test_what_is_no_study_is_refused_alike(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("latin.toml").write_bytes(b"seeds = [0]\n# \xe9\n")
    Path("good.toml").write_text(BASE)
    for words, said in {
        "run gone.toml": "gone.toml cannot be read: No such file.*study new gone.toml",
        "run latin.toml": "latin.toml, line 2: this is not UTF-8",
        "run others": "others/study.toml cannot be read",
        "run good.toml --jobs 0": "--jobs is 0; it takes",
        "run good.toml --part 3/2": "--part is '3/2'; it takes a share such as 1/2",
        "run good.toml --part 2/2": "--part 2/2: the study has only 1 part[.]",
        "run good.toml --max-num-seqs 3": "no engine of the study has an option --max-num-seqs",
        "status gone.toml": "cannot be read",
        "report good.toml": "no part of the study in runs/good is finished",
        "report good.toml --max-mb 0": "--max-mb is 0; it takes",
        "merge others --out all": "others is not a study folder",
        "new good.toml": "good.toml is already there",
        "new study.yaml": "does not end in .toml. Type a name such as study.toml",
    }.items():
        before = contents(place)
        assert root._run(["study", *words.split()]) == 2, words
        message = capsys.readouterr().err
        check_message(message)
        assert re.search(said, message), message
        assert contents(place) == before, words


def test_a_command_that_is_advised_where_a_study_is_none_can_be_typed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(Path("r1"), [record(answer())])
    for words, advised in {
        "study status r1": "watch r1",
        "study run r1": "watch r1",
        "study report r1": "watch r1",
        "study status nothere": "study new nothere.toml",
        "study status 'no such.txt'": "study new 'no such.toml'",
        "study status .toml": "study new cues.toml",
        "study run no/where.toml": "study new where.toml",
    }.items():
        assert root._run(shlex.split(words)) == 2
        message = capsys.readouterr().err
        check_message(message)
        assert f"tts-bench {advised}" in message
        assert root._run(shlex.split(advised)) == 0, advised
        for file in place.glob("*.toml"):
            file.unlink()
        capsys.readouterr()
    for wrong, better in {".toml": "cues.toml", ".x": "cues.toml", "x": "x.toml", "x.yaml": "x.toml"}.items():
        assert root._run(["study", "new", wrong]) == 2
        assert f"Type a name such as {better}." in capsys.readouterr().err
        assert root._run(["study", "new", better]) == 0
        Path(better).unlink()
    with pytest.raises(UserError, match=r"others is not a study folder: others/study\.toml cannot be read \(No such"):
        read(Path("others"))


def test_a_study_of_flags_is_refused_alike(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out.toml").write_text('out = "others"\n')
    Path("store.toml").write_text('store = "a.sqlite"\n')
    for words, said in {
        "--seeds 1,x": "--seeds is '1,x'; it takes different whole numbers joined by commas",
        "--seeds 1,1": "--seeds is '1,1'",
        "--seeds 0,1 --seed 3": "--seed and --seeds are both given",
        "--model pocket --model pocket": "--model gives pocket twice",
        "--seeds 0,1 --store a.sqlite": "--store: a study keeps its generations",
        "--seeds 0,1 --resume others": "--resume continues one run",
        "--seeds 0,1 --engine scripted": "a study names its models. Add --model",
        "--seeds 0,1 --out others": "others holds files but no study.toml",
        "--seeds 0,1 --config out.toml": "others holds files but no study.toml",
        "--seeds 0,1 --config store.toml": "store.toml has store: a study keeps its generations",
    }.items():
        before = contents(place)
        assert root._run(["run", *words.split()]) == 2, words
        message = capsys.readouterr().err
        check_message(message)
        assert re.search(said, message), message
        assert contents(place) == before, words


def test_a_study_is_a_run_for_each_model_and_seed_and_a_models_table_goes_before_the_rest() -> None:
    study = parsed(WHOLE.encode(), "a.toml", Path("runs/a"))
    assert [part.name for part in study.parts] == [
        *("pocket-0", "pocket-1", "pocket-2"),
        *("adder-0", "adder-1", "adder-2"),
    ]
    one = study.parts[4]
    assert (one.config.model.model, one.config.model.seed, one.config.model.engine) == ("adder", 1, "scripted")
    assert (one.config.out, one.config.model.store) == (
        Path("runs/a/parts/adder-1"),
        Path("runs/a/generations.sqlite"),
    )
    assert (one.config.limit, one.config.model.max_thinking_tokens) == (4, None)
    assert study.parts[0].config.model.max_thinking_tokens == 100
    assert study.comparisons == (
        Named("cues", WAIT, HMM),
        Named("vote", STRATEGIES[1], STRATEGIES[0], "equal-compute"),
    )
    assert answered(asked(one)) == one


def test_a_study_that_begins_with_a_byte_order_mark_is_the_same_study() -> None:
    without = parsed(WHOLE.encode(), "a.toml", Path("a"))
    assert parsed(WHOLE.encode("utf-8-sig"), "a.toml", Path("a")) == without


def test_one_pair_at_both_computes_and_of_different_models_is_asked_once() -> None:
    at_equal = VOTES.replace("last", "equal-compute")
    assert len(parsed(f"{VOTE}{at_equal}".encode(), "a.toml", Path("a")).comparisons) == 2
    two = VOTE.replace(MODEL, MODEL + MODEL.replace("adder]", "other]\nmodel = 'adder'"))
    each = f"{two}models = ['adder']\n{MIRRORED}models = ['other']\n"
    assert [one.models for one in parsed(each.encode(), "a.toml", Path("a")).comparisons] == [("adder",), ("other",)]


def test_names_are_those_that_were_typed_where_a_study_varies_them() -> None:
    names = parsed(WHOLE.encode(), "a.toml", Path("a")).names()
    assert names == {STRATEGIES[0]: "baseline", STRATEGIES[1]: "majority-vote", WAIT: WAIT, HMM: HMM}


def test_shares_are_all_parts_and_each_once() -> None:
    study = parsed(WHOLE.encode(), "a.toml", Path("a"))
    for of in range(1, 8):
        shares = [study.share(place, of) for place in range(1, of + 1)]
        assert sorted(part.name for share in shares for part in share) == sorted(part.name for part in study.parts)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_file_that_new_writes_is_a_study_and_does_what_it_says(tmp_path: Path) -> None:
    study = parsed(start("cues.toml").encode(), "cues.toml", tmp_path)
    assert list(study.models) == ["pocket"]
    assert len(study.parts) == 3
    without = re.sub(r"^# (?=\[models.greedy|model =|temperature =)", "", start("cues.toml"), flags=re.M)
    assert list(parsed(without.encode(), "cues.toml", tmp_path).models) == ["pocket", "greedy"]
    assert "tts-bench study run cues.toml" in start("cues.toml")


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
MODELS = st.builds(
    lambda system, temperature, limit, strategies: RunConfig(
        ModelConfig("adder", "scripted", system=system, temperature=temperature),
        ("gsm8k",),
        tuple(strategies),
        limit=limit,
    ),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.floats(0, 2),
    st.none() | st.integers(1, 9),
    st.lists(st.sampled_from([*STRATEGIES, r"budget-forcing:cue=Wait\, then"]), min_size=1, unique=True),
)


@settings(max_examples=20)
@given(
    st.dictionaries(NAMES, MODELS, min_size=1, max_size=3).filter(
        lambda models: len({name.casefold() for name in models}) == len(models)
    ),
    st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=3, unique=True),
)
def test_a_resolved_study_is_read_as_itself_and_has_one_digest(models: dict[str, RunConfig], seeds: list[int]) -> None:
    study = Study(models, tuple(seeds), Path("somewhere"))
    again = parsed(study.to_toml().encode(), "study.toml", Path("somewhere"))
    assert again == study
    assert again.digest == study.digest
    assert Study(models, tuple(seeds), Path("elsewhere")).digest == study.digest
    assert Study(models, (*seeds, max(seeds) - 1 if max(seeds) - 1 not in seeds else 77), Path()).digest != study.digest


def test_a_studys_folder_is_read_as_the_study(tmp_path: Path) -> None:
    study = parsed(WHOLE.encode(), "a.toml", tmp_path / "study")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.toml").write_text(study.to_toml())
    assert read(tmp_path / "study") == study


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "{}",
        '{"status": "finished"}',
        '{"status": "finished", "config": []}',
        '{"status": "running", "identity": [], "problems": "many"}',
        '{"status": {}, "identity": {"strategies": 3}, "errors": "x"}',
    ],
)
def test_a_part_whose_header_says_nothing_is_one_that_is_not_finished(tmp_path: Path, header: str) -> None:
    study = parsed(WHOLE.encode(), "a.toml", tmp_path)
    study.parts[0].folder.mkdir(parents=True)
    (study.parts[0].folder / "run.json").write_text(header)
    assert [state.readable for state in states(study)] == [False] * 6
