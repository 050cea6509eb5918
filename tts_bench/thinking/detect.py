"""Which thinking format a model has: read off its rendered prompt, its vocabulary and its template's switches."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal

from tts_bench.engine import Tokenizer
from tts_bench.errors import UserError, did_you_mean
from tts_bench.templates import ChatTemplate
from tts_bench.thinking.evidence import Evidence, Rendered, Switch, gather
from tts_bench.thinking.families import END_OF_TURN, FAMILIES, PRESETS, Family
from tts_bench.thinking.format import ThinkingFormat
from tts_bench.thinking.reading import TOKEN, answers_past, from_opened, from_past_turn, stands, words_past

State = Literal["on", "off", "unknown"]
_TAGS = PRESETS["think-tags"]


@dataclass(frozen=True)
class Found:
    """How a model thinks, and what its user should know of it."""

    form: ThinkingFormat
    state: State  # whether it thinks between delimiters; unknown: nothing says that it does
    advice: tuple[str, ...] = ()  # for the header: what is off, what could not be told, and what to type
    on: str = ""  # what to type to turn thinking on, or off
    off: str = ""
    ends: tuple[str, ...] = ()  # ends of turn that the template or the family names
    dated: bool = False  # the prompt holds the date
    template: ChatTemplate | None = None  # as it is to be used

    def describe(self) -> str:
        """One line for the header of a run."""
        return "; ".join((self.form.describe(), *self.advice))


def detect(
    tokenizer: Tokenizer,
    *,
    name: str | None = None,
    think_start: str | None = None,
    think_end: str | None = None,
    answer_suffix: str | None = None,
    system: str | None = None,
) -> ThinkingFormat:
    """The thinking format alone; see `study`."""
    return study(
        tokenizer, name=name, think_start=think_start, think_end=think_end, answer_suffix=answer_suffix, system=system
    ).form


def study(
    tokenizer: Tokenizer,
    *,
    name: str | None = None,
    think_start: str | None = None,
    think_end: str | None = None,
    answer_suffix: str | None = None,
    system: str | None = None,
) -> Found:
    """How the tokenizer's model thinks, unless `name` (a preset) or both delimiters say it.

    The chat template is rendered with the run's own system prompt and arguments. A family is told by delimiters at the
    end of the prompt, by what the prompt asks for, by how a past turn that thought is worded, and by what the
    template's switches change. Whether thinking is on follows from the same. A string in the template's source that is
    not rendered decides nothing. The s1 models share tokenizer and template of their instruct model: `name="s1"` must
    be said. Without a template, a vocabulary in which `</think>` is one token has think-tags.

    Raises:
        UserError: an unknown name, one delimiter without the other, a blank delimiter, a name besides delimiters, an
            empty answer suffix in the end-of-turn mode, or a template that refuses its arguments, the system prompt or
            a plain question.
    """
    given = chosen(name, think_start, think_end)
    own = getattr(tokenizer, "template", None)
    if tokenizer.chat_template is None:
        found = _without_template(tokenizer)
    else:
        template = own or ChatTemplate(tokenizer.chat_template, {"bos_token": "", "eos_token": ""})
        found = _read(tokenizer, gather(template, system, strict=own is not None), given)
    if given is not None and tokenizer.chat_template is None:
        found = replace(found, form=given, state="on" if given.mode == "delimited" else "unknown")
    if answer_suffix is None:
        return found
    form = found.form
    if form.mode == "end-of-turn" and not answer_suffix.strip():
        raise UserError(
            "--answer-suffix is empty, but this model has no thinking delimiter: the suffix alone asks for the answer. "
            f"Leave it out to use {form.answer_suffix!r}."
        )
    return replace(found, form=replace(form, answer_suffix=form.markup + answer_suffix))


def chosen(name: str | None, start: str | None, end: str | None) -> ThinkingFormat | None:
    """The format that the user says, or None where it is to be found.

    Raises:
        UserError: as `detect`.
    """
    if (start is None) != (end is None):
        given, missing = ("--think-start", "--think-end") if end is None else ("--think-end", "--think-start")
        raise UserError(f"{given} is given without {missing}: a thinking format needs both. Add {missing} TEXT.")
    if start is not None and end is not None:
        if name is not None:
            raise UserError(f"--thinking {name} and --think-start/--think-end are both given. Give one or the other.")
        if not start.strip() or not end.strip():
            raise UserError("--think-start and --think-end take the texts of the delimiters, but one is blank.")
        return ThinkingFormat(name="custom", start=start, end=end, answer_suffix="\n\n")
    if name is None:
        return None
    if name not in PRESETS:
        raise UserError(f"There is no thinking format {name!r}. {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def _without_template(tokenizer: Tokenizer) -> Found:
    said = "the model has no chat template: a problem is its whole prompt"
    if _is_token(tokenizer, _TAGS.end):
        return Found(_TAGS, "on", (said,))
    return Found(END_OF_TURN, "unknown", (said,))


def _read(tokenizer: Tokenizer, seen: Evidence, given: ThinkingFormat | None) -> Found:
    signs = _Signs(tokenizer, seen)
    if given is not None:
        family = Family(given)
        form = replace(given, opened_by_template=stands(seen.prompt, family) == "open")
        closed = given.mode == "delimited" and stands(seen.prompt, family) == "closed"
        advice = (f"the prompt closes thinking already, and {given.start.strip()} opens it again",) if closed else ()
        state: State = "on" if given.mode == "delimited" else "unknown"
        found = Found(form, state, advice, *signs.switches(family))
    else:
        found = signs.found()
    ends = _ends(tokenizer, seen, found.form)
    return replace(found, ends=ends, dated=seen.dated, template=seen.template)


class _Signs:
    """What the evidence says of each family."""

    def __init__(self, tokenizer: Tokenizer, seen: Evidence) -> None:
        self._tokenizer = tokenizer
        self._seen = seen

    def found(self) -> Found:
        family = self._family()
        if family is None:
            return Found(END_OF_TURN, "unknown", (self._doubt(),))
        on, off = self.switches(family)
        if not self._is_on(family):
            return self._off(family, on, off)
        if stands(self._seen.prompt, family) == "open":
            return Found(replace(family.form, opened_by_template=True), "on", (), on, off)
        form = family.form
        advice: tuple[str, ...] = ()
        if "/no_think" in (self._seen.system or ""):
            advice = ("the system prompt says /no_think, so its thinking may be empty",)
        if (opening := self._opening(family)) is not None:
            form = replace(form, start=opening)
            advice += ("the template leaves it to the model whether to think, and here it always does",)
        elif not off and not self._has_turn(family) and self._mode(family, self._seen.prompt) == "none":
            told = "detected from how its chat template formats past thinking; if it does not think, type --thinking"
            advice += (f"{told} {END_OF_TURN.name}",)
        return Found(form, "on", advice, on, off)

    def switches(self, family: Family) -> tuple[str, str]:
        """What to type to turn thinking on, and off; empty where nothing was seen to."""
        now = self._mode(family, self._seen.prompt)
        thrown, changed = {True: "", False: ""}, {True: "", False: ""}
        for switch, prompt in self._seen.switched.items():
            then = self._mode(family, prompt)
            if not switch.name and then in ("asked", "none"):
                continue  # other words in the system prompt ask for other things anyway
            on = (then in ("open", "asked") and now not in ("open", "asked")) or (now, then) == ("closed", "none")
            off = (then == "closed" and now != "closed") or (then == "none" and now in ("open", "asked"))
            if (on if switch.on else off) and not thrown[switch.on]:
                thrown[switch.on] = _typed(switch)
            whether = switch.name and (not switch.effort or family.by_effort)
            if whether and prompt != self._seen.prompt and not changed[switch.on]:
                changed[switch.on] = _typed(switch)
        return thrown[True] or changed[True], thrown[False] or changed[False]

    def _mode(self, family: Family, prompt: Rendered) -> Literal["open", "closed", "asked", "none"]:
        now = stands(prompt, family)
        if now == "none" and from_opened(prompt):
            return "open"  # with another tag
        return "asked" if now == "none" and self._asks(family, prompt.head) else now

    def _family(self) -> Family | None:
        candidates = [family for family in FAMILIES if not family.drops or self._seen.drops]
        if not any(words_past(self._seen, family) for family in candidates):
            candidates += from_past_turn(self._seen)
        candidates += from_opened(self._seen.prompt)
        tests = (
            lambda family: stands(self._seen.prompt, family) != "none" and not family.asked,
            self._has_turn,
            lambda family: self._asks(family, self._seen.prompt.head, self._seen.own),
            lambda family: not family.worded and words_past(self._seen, family),
            lambda family: stands(self._seen.prompt, family) != "none",
            self._is_switched,
        )
        for test in tests:
            if fitting := [family for family in candidates if test(family)]:
                return next((each for each in fitting if answers_past(self._seen, each)), fitting[0])
        return None

    def _is_on(self, family: Family) -> bool:
        seen = self._seen
        now = stands(seen.prompt, family)
        if now != "none":
            return now == "open"
        if self._has_turn(family):
            return True
        if family.asked:
            return self._asks(family, seen.prompt.head, seen.own) or self._has_effort(family)
        thrown = [(switch, prompt, stands(prompt, family)) for switch, prompt in seen.switched.items()]
        if any(then == "closed" for switch, _, then in thrown if not switch.on):
            return True
        if self._would_ask(family) or any(then == "open" for switch, _, then in thrown if switch.on):
            return False
        for on in (True, False):  # a switch that changes what the prompt asks for
            same = any(p == seen.prompt for switch, p, _ in thrown if switch.on == on and not switch.effort)
            other = any(p != seen.prompt for switch, p, _ in thrown if switch.on != on and not switch.effort)
            if same and other:
                return on
        return True

    def _off(self, family: Family, on: str, off: str) -> Found:
        form, how = END_OF_TURN, "the model could think, but its prompt leaves that off"
        if family.form.end == _TAGS.end and self._seen.prompt.tail.rstrip().endswith(_TAGS.end):
            form, how = replace(form, notes=("the chat template turns thinking off",)), ""
        if on:
            what = f"to turn it on, type {on}"
        elif family.asked and not family.says:
            what = "its template's own system prompt asks for thinking: leave --system out, or ask for it there"
        elif "/no_think" in (self._seen.system or ""):
            what = "to turn it on, leave /no_think out of --system"
        elif stands(self._seen.prompt, family) == "closed":
            what = "no argument was found that turns it on"
        else:
            what = f"to open it all the same, type --thinking {family.name}"
        return Found(form, "off", tuple(filter(None, (how, what))), on, off)

    def _opening(self, family: Family) -> str | None:
        """What the template opens thinking with where a switch says so; None where it never does."""
        tail = self._seen.prompt.tail
        for switch, prompt in self._seen.switched.items():
            if switch.on and stands(prompt, family) == "open" and prompt.tail.startswith(tail):
                return prompt.tail[len(tail) :]
        return None

    def _doubt(self) -> str:
        tags = f"if it thinks between <think> and </think>, type --thinking {_TAGS.name}"
        if self._seen.drops:
            return f"its chat template drops thinking from past turns, so it may think: {tags}"
        for family in FAMILIES:
            start, end = family.form.start.strip(), family.form.end
            if self._tokens(start, end) and not family.shared and not family.worded:
                return (
                    f"its vocabulary has {start} and {end}, which its chat template does not use: if it thinks between "
                    f"them, type --thinking {family.name}"
                )
        return f"neither its chat template nor its vocabulary speaks of thinking: {tags}"

    def _asks(self, family: Family, head: str, own: str | None = None) -> bool:
        """Whether a prompt asks for this family's thinking.

        What a user's system prompt says counts where the vocabulary has the delimiters as tokens.
        """
        start, end = family.opener, family.form.end
        says = (family.says,) if family.says else (start, end)
        if all(text in (head if own is None else own) for text in says):
            return True
        by_user = family.drops or self._tokens(start, end)
        return by_user and all(text in head for text in says)

    def _tokens(self, *texts: str) -> bool:
        return all(_is_token(self._tokenizer, text) for text in texts)

    def _has_turn(self, family: Family) -> bool:
        if not family.turn or not self._seen.prompt.tail.endswith(family.turn):
            return False
        known = not family.needs or _is_token(self._tokenizer, family.needs) or words_past(self._seen, family)
        return known or family.drops

    def _is_switched(self, family: Family) -> bool:
        if not family.worded and self._would_ask(family):
            return True
        return any(
            family.says in prompt.head if family.worded else stands(prompt, family) != "none"
            for prompt in self._seen.switched.values()
        )

    def _has_effort(self, family: Family) -> bool:
        """Whether the prompt has an effort other than none, where that alone may ask for thinking."""
        none = [prompt for switch, prompt in self._seen.switched.items() if switch.effort and switch.value == "none"]
        return family.by_effort and bool(none) and self._seen.prompt not in none

    def _would_ask(self, family: Family) -> bool:
        """Whether a switch has the prompt ask for thinking, which it does not as it is."""
        seen = self._seen
        asked = self._asks(family, seen.prompt.head)
        return not asked and any(on.on and self._asks(family, prompt.head) for on, prompt in seen.switched.items())


def _ends(tokenizer: Tokenizer, seen: Evidence, form: ThinkingFormat) -> tuple[str, ...]:
    """Ends of turn: what stands after a past reply, and what the family's own template never writes."""
    delimiters = "".join((form.start, form.end if form.mode == "delimited" else "", form.markup, *form.answer_stops))
    delimiters += "".join(family.form.start + family.form.end for family in FAMILIES if not family.shared)
    first = TOKEN.match(seen.after.lstrip())
    named = [first[0]] if first and first[0] not in delimiters else []
    named += [end for family in FAMILIES if family.name == form.name for end in family.ends]
    return tuple(end for end in dict.fromkeys(named) if _is_token(tokenizer, end))


def _is_token(tokenizer: Tokenizer, text: str) -> bool:
    return bool(text) and len(tokenizer.encode(text)) == 1


def _typed(switch: Switch) -> str:
    if not switch.name:
        return f"--system {switch.value}"
    if switch.effort:
        return f"--reasoning-effort {switch.value}"
    value = switch.value if isinstance(switch.value, str) else json.dumps(switch.value)
    return f"--template-arg {switch.name}={value}"
