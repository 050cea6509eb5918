"""Claims about where a generation stops, tested with stops from the model's own output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tts_bench.conformance.asking import (
    CUE,
    FREE,
    GREEDY,
    LENGTH,
    Trial,
    ask,
    cut,
    judge,
    needs_continuing,
    requests,
    same,
    shown,
    trials,
    usual,
)
from tts_bench.conformance.kit import Broken, NotApplicable
from tts_bench.engine import Engine, Generation, Request

_SPAN = 3  # tokens that a stop text takes up


@dataclass(frozen=True)
class Stop:
    """A stop text that a trial says, and where it has to end."""

    trial: Trial
    text: str
    end: int  # tokens up to the one that completes it
    count: int  # of the last of these that hold it

    @property
    def request(self) -> Request:
        return replace(self.trial.request, stop_texts=(self.text,))

    def wrong(self, engine: Engine, tokens: tuple[int, ...], made: Generation) -> str:
        """What is wrong about `tokens`, of which `made` tells the end; empty if nothing is."""
        decode = engine.tokenizer.decode
        expected = self.trial.tokens[: self.end]
        if "token-ids" in engine.info.capabilities:
            sound = tokens == expected
        else:  # told as text, the token that completes the stop may end with it
            said = decode(tokens)
            sound = self.text in said and decode(expected).startswith(said)
        if sound and made.finish == "stop":
            return ""
        return f"with the stop text {self.text!r} it gives {shown(engine, tokens)}, {made.finish}; {self._due(engine)}"

    def _due(self, engine: Engine) -> str:
        return f"it has to end with {shown(engine, self.trial.tokens[: self.end])}"


def stop_ids(engine: Engine) -> None:
    """A stop id ends a generation immediately; it is part of it and reported as a stop of one token."""
    wrong = []
    for trial in trials(engine, least=2):
        places = [place for place in range(1, len(trial.tokens)) if _is_new(engine, trial.tokens, place)]
        if not places:
            continue
        place = min(places, key=lambda each: abs(each - len(trial.tokens) // 2))
        expected = trial.tokens[: place + 1]
        ids = frozenset({trial.tokens[place], *(trial.tokens[each] for each in places if each > place)})
        [made] = ask(engine, [replace(trial.request, stop_ids=ids)])
        alike = same(engine, made.tokens, expected) and (made.finish, made.stop) == ("stop", 1)
        due = f"it has to end with {shown(engine, expected)}, stop, of which 1 is the stop"
        wrong.append("" if alike else f"with {len(ids)} stop ids it gives {_told(engine, made)}; {due}")
    judge(engine, wrong)


def stop_texts(engine: Engine) -> None:
    """A stop text ends a generation at the token that completes it, even if it begins or ends inside a token."""
    found = [stop for trial in trials(engine, least=_SPAN + 1) for stop in _straddling(engine, trial)]
    made = ask(engine, [stop.request for stop in found])
    judge(engine, [stop.wrong(engine, each.tokens, each) for stop, each in zip(found, made, strict=True)])


def delimiters(engine: Engine) -> None:
    """A delimiter of several tokens is reported whole as the stop, with the token that straddles its beginning."""
    wrong = []
    found = [stop for trial in trials(engine, least=_SPAN + 1) for stop in _whole(engine, trial)]
    for stop, made in zip(found, ask(engine, [stop.request for stop in found]), strict=True):
        if stop.wrong(engine, made.tokens, made):  # that it ends elsewhere is another claim
            continue
        ending = engine.tokenizer.decode(made.tokens[-made.stop :]) if made.stop else ""
        sound = ending == stop.text and (made.stop == stop.count or "token-ids" not in engine.info.capabilities)
        wrong.append("" if sound else f"of the delimiter {stop.text!r} it reports {made.stop} tokens, {ending!r}")
    judge(engine, wrong)


def stop_after_a_cut(engine: Engine) -> None:
    """A stop text that the limit cut in two is found when the generation continues, and reported whole."""
    needs_continuing(engine)
    wrong = []
    for trial in trials(engine, None if engine.info.exact else GREEDY, least=_SPAN + 1):
        for stop in _whole(engine, trial):
            at = stop.end - 1
            [made] = ask(engine, [replace(cut(trial, at), stop_texts=(stop.text,))])
            tokens = trial.tokens[:at] + made.tokens
            told = made.stop == stop.count or "token-ids" not in engine.info.capabilities
            counted = f"of the stop text {stop.text!r}, cut before its last token, it reports {made.stop} tokens"
            wrong.append(stop.wrong(engine, tokens, made) or ("" if told else counted))
    judge(engine, wrong)


def empty_generation(engine: Engine) -> None:
    """An immediate stop is the whole generation, and is a stop even if only one token is allowed."""
    wrong = []
    for trial in trials(engine):
        first = trial.tokens[:1]
        if not _is_new(engine, trial.tokens, 0):
            continue
        for limit in (LENGTH, 1):
            [made] = ask(engine, [replace(trial.request, stop_ids=frozenset(first), max_tokens=limit)])
            alike = same(engine, made.tokens, first) and (made.finish, made.stop) == ("stop", 1)
            due = f"it has to be {shown(engine, first)}, stop, of which 1 is the stop"
            wrong.append("" if alike else f"a first stop with max_tokens={limit} gives {_told(engine, made)}; {due}")
    judge(engine, wrong)


def end_inside_thinking(engine: Engine) -> None:
    """An end of turn ends the generation that samples it, and stops none that continues after it."""
    ends = engine.tokenizer.end_ids
    if not ends:
        raise NotApplicable("its tokenizer knows no end of turn")
    asked = [replace(request, stop_ids=ends) for request in requests(engine, 16, FREE)]
    for made in ask(engine, asked):
        if any(token in ends for token in made.tokens[:-1]):
            raise Broken(f"it continues after an end of turn that is a stop id: {shown(engine, made.tokens)}")
        if made.tokens and made.tokens[-1] in ends and (made.finish, made.stop) != ("stop", 1):
            raise Broken(f"an end of turn that is a stop id gives {_told(engine, made)}; it is a stop of 1 token")
    if not engine.info.continues:
        return
    for trial in trials(engine, least=2):
        thought = trial.tokens[: len(trial.tokens) // 2]
        prefix = (*thought, min(ends), *engine.tokenizer.encode(CUE))
        request = Request(trial.request.prompt, prefix, LENGTH, "behind", usual(engine), ends, (CUE,))
        [made] = ask(engine, [request])
        stopped = made.finish == "stop" and not (
            made.tokens and (made.tokens[-1] in ends or CUE in engine.tokenizer.decode(made.tokens) or not made.stop)
        )
        if stopped or not made.tokens:
            raise Broken(f"stops in the prefix, which were not sampled, give {_told(engine, made)}")


def _told(engine: Engine, made: Generation) -> str:
    return f"{shown(engine, made.tokens)}, {made.finish}, of which {made.stop} are the stop"


def _is_new(engine: Engine, tokens: tuple[int, ...], place: int) -> bool:
    """Whether the token there comes first there, as an id and as a text: some servers stop at texts only."""
    token, decode = tokens[place], engine.tokenizer.decode
    text, before = decode([token]), decode(tokens[:place])
    if token in engine.tokenizer.end_ids or token in tokens[:place] or not text or "\ufffd" in text:
        return False
    return decode(tokens[: place + 1]).find(text) == len(before)


def _straddling(engine: Engine, trial: Trial) -> Iterator[Stop]:
    """A stop text that begins and ends inside tokens, or at their edges where they are single characters."""
    return _stops(engine, trial, inside=1)


def _whole(engine: Engine, trial: Trial) -> Iterator[Stop]:
    """A stop text of several whole tokens."""
    return _stops(engine, trial, inside=0)


def _stops(engine: Engine, trial: Trial, inside: int) -> Iterator[Stop]:
    """At most one stop text of tokens near the middle, `inside` characters shorter at its ends where it has more."""
    decode, tokens = engine.tokenizer.decode, trial.tokens
    text = decode(tokens)
    ends = [len(decode(tokens[:count])) for count in range(len(tokens) + 1)]
    middle = len(tokens) // 2
    for first in sorted(range(len(tokens) - _SPAN + 1), key=lambda place: abs(place - middle)):
        last = first + _SPAN - 1
        begin, end = ends[first], ends[last + 1]
        if ends[first + 1] - begin > inside:
            begin += inside
        if end - ends[last] > inside:
            end -= inside
        stop = text[begin:end]
        special = any(token in engine.tokenizer.end_ids for token in tokens[first : last + 1])
        if special or "\ufffd" in text[: ends[last + 1]] or not stop.strip() or text.find(stop) != begin:
            continue
        done = next(count for count in range(1, len(tokens) + 1) if stop in decode(tokens[:count]))
        held = next(count for count in range(1, done + 1) if stop in decode(tokens[done - count : done]))
        yield Stop(trial, stop, done, held)
        return
