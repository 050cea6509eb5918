"""The entry point `tts-bench`: finds the verb, imports its module only, and turns errors into messages and exit codes.

Exit codes: 0 done; 1 done, with recorded errors, or its reader went away; 2 something for the user to mend; 130
interrupted.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tts_bench.errors import UserError, did_you_mean
from tts_bench.files import BARRED, FULL
from tts_bench.text import safe
from tts_bench.version import __version__

# verb -> (where its function, or its app of sub-commands, is; its line of help)
VERBS = {
    "run": ("tts_bench.cli.run:run", "Run strategies on tasks with a model and plot accuracy against compute."),
    "study": ("tts_bench.cli.study:app", "Run models x tasks x seeds x strategies as one study."),
    "plan": ("tts_bench.cli.plan:plan", "Estimate what a run will cost and what it could show, from a pilot."),
    "import": ("tts_bench.cli.imported:imported", "Create a run from outputs that another program recorded."),
    "config": ("tts_bench.cli.config:app", "Print a run's configuration as a file."),
    "report": ("tts_bench.cli.report:report", "Write one offline HTML file with curves, tables and every trace."),
    "compare": ("tts_bench.cli.compare:compare", "State what the data support: differences, intervals, tests."),
    "watch": ("tts_bench.cli.watch:watch", "Show a run's table and curve while it runs."),
    "plot": ("tts_bench.cli.plot:plot", "Draw figures of the curves, for a paper."),
    "export": (
        "tts_bench.cli.export:export",
        "Write the answers of runs for other programs: CSV, Parquet, LaTeX, Inspect, lm-eval.",
    ),
    "track": ("tts_bench.cli.track:track", "Log finished runs to MLflow, Weights & Biases or trackio."),
    "push": ("tts_bench.cli.push:push", "Upload a run, a learned token or a leaderboard to the Hugging Face Hub."),
    "curves": ("tts_bench.cli.curves:curves", "Show accuracy by length of thinking within a problem."),
    "leaderboard": ("tts_bench.cli.leaderboard:app", "Add runs to the leaderboard, build its pages, and check them."),
    "strategies": ("tts_bench.cli.strategies:app", "List strategies, create your own, and check it."),
    "engines": ("tts_bench.cli.engines:app", "List engines and what they support, and check one."),
    "scorers": ("tts_bench.cli.scorers:app", "List kinds of scorers, and check one on a text."),
    "train-token": ("tts_bench.cli.train_token:train_token", "Train a continue-thinking token for a model."),
    "token": ("tts_bench.cli.token:app", "Show, export or create token files."),
    "tasks": ("tts_bench.cli.tasks:app", "List tasks, check their scorers, and create your own."),
    "models": ("tts_bench.cli.models:app", "List models with a short name, and download one."),
    "doctor": ("tts_bench.cli.doctor:doctor", "Show what is missing on this machine and how to install it."),
    "lm-eval": ("tts_bench.cli.lm_eval:lm_eval", "lm-eval's own command line, with the model tts-bench registered."),
}
# What may be an empty text: no prompt, no title, nothing overridden, nothing passed on.
_MAY_BE_EMPTY = {
    *("--system", "--answer-suffix", "--continuation-sampling", "--answer-sampling", "--vllm", "--title"),
    *(f"scorers check --{part}" for part in ("problem", "thinking", "answer")),
}
_PATIENCE = 5.0  # seconds for threads to end after all is done
# verbs that never load a model
LIGHT = {"config", "strategies", "report", "compare", "watch", "plot", "curves", "export", "track", "leaderboard"}


class Verbs(TyperGroup):
    """A group that imports a verb's module when that verb is called, so that help and usage errors stay fast."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:
        return TyperCommand(cmd_name, help=VERBS[cmd_name][1]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: object, args: list[str]) -> tuple[str, Any, list[str]]:
        verb, *rest = args
        if verb not in VERBS:
            raise UserError(f"there is no command {verb!r}. {did_you_mean(verb, VERBS)} Type tts-bench --help.")
        if verb == "lm-eval":  # takes all its arguments as they are, --help and -- included
            return verb, TyperCommand(verb, callback=partial(_load(verb), rest)), []
        return verb, _command(verb), rest


def _load(verb: str) -> Any:  # noqa: ANN401 - a function, or an app
    if verb not in LIGHT:
        from tts_bench.engines import environment

        environment.prepare()  # must stand before torch is imported
    module, _, attribute = VERBS[verb][0].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _command(verb: str) -> Any:  # noqa: ANN401 - typer's own command classes are private
    found, mount = _load(verb), typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        mount.add_typer(found, name=verb)
        group: Any = get_command(mount)
        return _from_environment(group.commands[verb], verb)
    mount.command(verb)(found)
    return _from_environment(get_command(mount), verb)


def _from_environment(command: Any, *words: str) -> Any:  # noqa: ANN401 - typer's own command classes are private
    """`command` with a variable for each option: `tts-bench run --max-num-seqs` has TTS_BENCH_RUN_MAX_NUM_SEQS."""
    for param in command.params:
        param.process_value = partial(_not_empty, param, param.process_value, " ".join(words))
        if param.param_type_name == "option" and not param.is_eager and param.envvar is None:
            flag = max(param.opts, key=len).lstrip("-")
            param.envvar = "_".join(("TTS_BENCH", *words, flag)).replace("-", "_").upper()
            param.show_envvar = False  # of every option, it would double the help
    for name, child in getattr(command, "commands", {}).items():
        _from_environment(child, *words, name)
    return command


def _not_empty(param: Any, process: Callable[..., Any], verb: str, context: object, value: Any) -> Any:  # noqa: ANN401
    """What typer makes of a value that was typed.

    Raises:
        UserError: it is empty where that says nothing: a path would be the working folder, a name any default.
    """
    said = param.opts[0] if param.param_type_name == "option" else param.name.upper()
    if "" in (value if isinstance(value, (list, tuple)) else (value,)) and not {said, f"{verb} {said}"} & _MAY_BE_EMPTY:
        raise UserError(f"{said} is empty. Give it a value, or leave it out.")
    return process(context, value)


def parses(arguments: list[str]) -> bool:
    """Whether `arguments` are a command line of ours that can be typed as it stands; nothing is run."""
    if not arguments or arguments[0] not in VERBS or {"-h", "--help", "--version", "lm-eval"} & {*arguments}:
        return False
    verb, *rest = arguments
    try:
        _command(verb).make_context(verb, rest)
    except (typer.TyperException, UserError):
        return False
    return True


def _print_version(value: bool) -> None:
    if value:
        print(f"tts-bench {__version__}")
        raise typer.Exit()


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Accuracy-versus-compute curves for test-time scaling of language models, scored by lm-eval.

    Every option has an environment variable: TTS_BENCH_RUN_SEED is --seed of run.
    """


def _app() -> Any:  # noqa: ANN401
    app = typer.Typer(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
    app.callback()(_root)
    return get_command(app)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    if "_TTS_BENCH_COMPLETE" in os.environ:  # a shell asks what may be typed next
        _app().main(prog_name="tts-bench")
    code = _run(sys.argv[1:] or ["--help"])
    threading.Thread(target=_leave, args=(code,), daemon=True).start()
    sys.exit(code)


def _leave(code: int) -> None:
    """The interpreter waits for every thread, and a plugin may have left one that never ends."""
    time.sleep(_PATIENCE)
    os._exit(code)


def _run(arguments: list[str]) -> int:
    return exit_code(_app(), "tts-bench", arguments)


def exit_code(command: Any, program: str, arguments: list[str]) -> int:  # noqa: ANN401
    """Run a command line, called `program` by its user; errors become messages on standard error."""
    try:
        with command.make_context(program, arguments) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except UserError as error:
        return _say(_with_variables(str(error), arguments))
    except typer.TyperException as error:  # usage errors of the command line
        message, asked = _wrong_value(error) or error.format_message().rstrip("."), getattr(error, "ctx", None)
        if not message:  # a group of sub-commands that was called without one has shown its help
            return 2
        message = " ".join(message.split())  # choices come a line each
        message = _with_variables(f"{message}. Type {asked.command_path if asked else program} --help.", arguments)
        return _say(message)
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("\nInterrupted; repeat the command to resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit would complain
        return 1
    except OSError as error:
        if error.errno in BARRED and error.filename:  # `Path.is_file` and its like raise it of any path that is typed
            return _say(f"{error.filename} cannot be used: {error.strerror}. Give another path, or change that one.")
        if error.errno not in FULL:
            raise
        place = f" for {error.filename}" if error.filename else ""
        return _say(f"no space left on the disk{place}. Free some; repeat the command to resume.")
    return 0


def _wrong_value(error: typer.TyperException) -> str | None:
    """What was found and expected, where a value is of the wrong type: typer's own message lacks the former."""
    if error.__cause__ is None:
        return None
    from pydantic import ValidationError  # not at the start: it takes a tenth of all that --help takes

    if not isinstance(error.__cause__, ValidationError):
        return None
    detail, option = error.__cause__.errors()[0], error.param.opts[0]  # type: ignore[attr-defined]
    if detail["type"] == "value_error":  # of a choice: it names what was found and all that may stand there
        return f"{option}: {detail['ctx']['error']}".rstrip(".")
    expected = detail["msg"].removeprefix("Input should be ").partition(",")[0]
    return f"{option} is {detail['input']!r}; it has to be {expected}"


def _with_variables(message: str, arguments: list[str]) -> str:
    """`message`, and of each option in it that no one typed the variable that sets it."""
    said = [message]
    for words in range(1, 3):
        begin = "_".join(("TTS_BENCH", *arguments[:words], "")).replace("-", "_").upper()
        for variable in sorted(name for name, value in os.environ.items() if name.startswith(begin) and value):
            flag = f"--{variable.removeprefix(begin).lower().replace('_', '-')}"
            typed = any(argument.partition("=")[0] == flag for argument in arguments)
            if not typed and re.search(rf"(?<![\w-]){flag}(?![\w-])", message):
                said.append(f"{flag} is set by the environment variable {variable}.")
    return " ".join(said)


def _say(message: str) -> int:
    print("error:", "\n".join(safe(line) for line in message.split("\n")), file=sys.stderr)
    return 2
