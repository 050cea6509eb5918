"""Any strategy as an ordinary lm-eval model: `simple_evaluate(model=TTSBenchLM(...))`, or `tts-bench lm-eval run`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.utils import simple_parse_args_string

from tts_bench import registry
from tts_bench.config import ModelConfig
from tts_bench.core.scheduler import Scheduler
from tts_bench.core.scoring import Scoring
from tts_bench.core.store import Store
from tts_bench.engines import kinds
from tts_bench.engines.flags import flagged
from tts_bench.errors import UserError
from tts_bench.grammar import escape
from tts_bench.lm_eval.replay import GenerateOnly, keys, stops
from tts_bench.options import coerce, options_of, text_of
from tts_bench.records import Record
from tts_bench.scorers import kinds as kinds_of_scorers
from tts_bench.solving import loop
from tts_bench.solving.admission import work_on
from tts_bench.solving.model import check, load_checked
from tts_bench.solving.requirements import check_scorers, needs
from tts_bench.solving.solve import Arm, Item, solve
from tts_bench.solving.watchdog import watchdog
from tts_bench.tasks.scoring import extract

# What lm-eval's command line adds by itself; the batch is set by max_num_seqs in model_args.
_LM_EVAL_ADDS = ("batch_size", "max_batch_size")


class TTSBenchLM(GenerateOnly):
    """One strategy on one model. `generate_until` returns the text of the strategy's last answer.

    Arguments are `strategy`, the strategy's options, the engine's options, and the fields of `ModelConfig`, with
    `pretrained` as an alias of `model`. All are text, as in `strategy=budget-forcing,extensions=2,max_num_seqs=8`.
    Repeated requests get separate streams. `scorers` takes what `--scorer` takes: one as
    text, or several as a list from Python.

    Raises:
        UserError: an unknown or wrong argument.
        RuntimeError: from `generate_until`, where a problem ends in an error: a failure is never scored as an answer.
    """

    def __init__(
        self,
        strategy: str = "baseline",
        *,
        timeout: float | str = 3600.0,
        in_flight: int | str | None = None,
        scorers: str | Sequence[str] = (),
        **options: str | float | None,
    ) -> None:
        super().__init__()
        self._timeout, self._in_flight = _limits(timeout, in_flight)
        texts = {key: "none" if value is None else text_of(value) for key, value in options.items()}
        model, pretrained = texts.get("model", "none"), texts.pop("pretrained", "none")
        if "none" not in (model, pretrained) and model != pretrained:
            raise UserError(f"model is {model!r}, pretrained is {pretrained!r}: both name the model. Give one.")
        if pretrained != "none":
            texts["model"] = pretrained
        config, rest = _config({key: text for key, text in texts.items() if key not in _LM_EVAL_ADDS})
        more = ",".join(f"{key}={escape(text, ',')}" for key, text in rest.items())
        built = registry.build(f"{strategy}{',' if ':' in strategy and more else ':' if more else ''}{more}")
        chosen = kinds_of_scorers.check((scorers,) if isinstance(scorers, str) else scorers)
        check_scorers([built], [one.name for one in chosen])
        self._model = load_checked(check(config, needs([built])))
        built = self._model.admit(built)
        self._arm = Arm(built.id, built.strategy)
        store = Store(config.store)
        self._scheduler = Scheduler(self._model.engine, store)
        self._scoring = Scoring({one.name: kinds_of_scorers.load(one).scorer for one in chosen}, store)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> TTSBenchLM:
        """The model of lm-eval's `model_args` and of what its command line says beside them, such as `--device`.

        Raises:
            UserError: both name a device, and not the same.
        """
        beside = {key: value for key, value in (additional_config or {}).items() if value is not None}
        devices = {str(of["device"]) for of in (arg_dict, beside) if "device" in of} - {"auto"}
        if len(devices) > 1:
            raise UserError(f"model_args and --device name {' and '.join(sorted(devices))}. Name one device.")
        if beside.get("device") == "auto":  # nobody has said it: an engine may have no such option
            del beside["device"]
        return cls(**{**beside, **arg_dict})

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> TTSBenchLM:
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @property
    def tokenizer_name(self) -> str:
        return self._model.engine.info.fingerprint

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        items = [
            Item(task, doc_id, repeat, request.args[0], stops(request.args[1]), extract)
            for (task, doc_id, repeat), request in zip(keys(requests), requests, strict=True)
        ]
        records = loop.run(self._solve_all(items))
        failed = [record for record in records if record.error]
        if failed:
            listing = "; ".join(f"{r.problem}: {r.error.message}" for r in failed[:5] if r.error)
            raise RuntimeError(f"{len(failed)} of {len(records)} problems ended in an error: {listing}")
        return [record.answers[-1].text for record in records]

    async def _solve_all(self, items: list[Item]) -> list[Record]:
        conditions, timeout, records = self._model.conditions, self._timeout, dict[int, Record]()

        async def one(numbered: tuple[int, Item]) -> None:
            number, item = numbered
            records[number] = await solve(self._arm, item, self._scheduler, conditions, timeout, scoring=self._scoring)

        async with watchdog(timeout):
            await work_on(enumerate(items), one, self._scheduler, self._in_flight)
        return [records[number] for number in range(len(items))]


def _limits(timeout: float | str, in_flight: int | str | None) -> tuple[float, int | None]:
    """Both as `RunConfig` takes them.

    Raises:
        UserError: one is no number, or out of its range.
    """
    try:
        seconds = float(timeout)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"timeout is {timeout}; it takes a number of seconds above 0.")
    if in_flight in (None, "none"):
        return seconds, None
    if not re.fullmatch("[1-9][0-9]{0,8}", str(in_flight)):
        raise UserError(f"in_flight is {in_flight}; it takes a whole number from 1 upwards.")
    return seconds, int(str(in_flight))


def _config(texts: dict[str, str]) -> tuple[ModelConfig, dict[str, str]]:
    """The model and its engine from arguments as text, and those arguments that are neither's."""
    engine = kinds.chosen(texts.get("engine", "hf"))
    own = {*flagged(), *(option.name for option in options_of(engine.kind.options))}
    given = {key: text for key, text in texts.items() if key in own and text != "none"}
    ours = {field.name for field in fields(ModelConfig)}
    model = {key: text for key, text in texts.items() if key in ours}
    spec = kinds.chosen(texts.get("engine", "hf"), given).spec
    rest = {key: text for key, text in texts.items() if key not in own | ours}
    return coerce(ModelConfig, {**model, "engine": spec}, "tts-bench"), rest
