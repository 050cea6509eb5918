"""`tts-bench models show`: a model's prompt as it is put in, with the places where it thinks and answers."""

from __future__ import annotations

from collections.abc import Iterator

from tts_bench.config import ModelConfig
from tts_bench.engines.tokenizer import HfTokenizer
from tts_bench.thinking import Found

_WORDS = {"on": "on", "off": "off", "unknown": "not found"}


def lines(tokenizer: HfTokenizer, found: Found, config: ModelConfig, problem: str) -> Iterator[str]:
    """The page, line by line."""
    form, template = found.form, tokenizer.template
    yield f"model     {config.model}"
    yield f"thinking  {found.describe()}"
    yield f"state     {_WORDS[found.state]}"
    yield from (f"turn {way:4} {typed}" for way, typed in (("on", found.on), ("off", found.off)) if typed)
    if template is None:
        yield "template  none"
    else:
        yield f"template  {len(template.source)} characters"
        yield from (f"          {name} = {value!r}" for name, value in template.arguments.items())
        if found.dated:
            yield f"date      {template.day.isoformat()}"
    yield f"ends      {' '.join(sorted(repr(tokenizer.decode((end,))) for end in tokenizer.end_ids))}"
    prompt = tokenizer.shown(form.open(tokenizer.render(problem, config.system)))
    yield ""
    yield "[[ put in ]]"
    yield from prompt.splitlines()
    yield "[[ thinking is sampled here ]]"
    yield (f"[[ inserted, unless sampled: {form.end!r} ]]" if form.end else "[[ inserted at its end of turn ]]")
    yield from (form.end + form.answer_suffix).splitlines()
    yield "[[ the answer is sampled here ]]"
