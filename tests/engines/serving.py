"""Servers on real sockets that speak as vLLM, llama.cpp's server, TGI or OpenAI do, and fail as they are told to."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tests.engines.drawing import Measure, Next, surely, words
from tts_bench.engines.openai.engine import OpenAIEngine
from tts_bench.engines.openai.load import load

Kind = Literal["vllm", "llama.cpp", "old llama.cpp", "tgi", "strict", "chat"]
_OPENAI = {"model", "prompt", "messages", "max_tokens", "temperature", "top_p", "seed", "stop", "logprobs"}


@dataclass
class Server:
    """What a test sees of a running server."""

    url: str
    kind: Kind
    tokenizer: PreTrainedTokenizerBase
    draw: Next
    key: str | None = None
    name: str = "served"
    context: int = 2048
    seeded: bool = True
    measure: Measure = surely
    tempered: bool = False  # tells log-probabilities after the temperature
    pause: float = 0.0  # seconds that every reply takes longer
    faults: deque[str] = field(default_factory=deque)  # one for each of the next POSTs; "" is none
    mood: Callable[[dict[str, Any]], str] = lambda body: ""  # the fault of a POST where `faults` is empty
    worded: Callable[[dict[str, Any]], object] = lambda reply: None  # changes replies that are right as they are
    asked: list[dict[str, Any]] = field(default_factory=list)  # bodies of POSTs that were answered well
    faulted: list[str] = field(default_factory=list)
    most: int = 0  # requests at once
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to a body."""
        chat = "messages" in body
        prompt = self._read(body)
        limit = body.get("max_tokens", 16)
        made: list[int] = []
        finish, stop, shown = "length", None, ""
        if not self.seeded:
            body = {**body, "seed": time.perf_counter_ns()}
        while len(made) < limit and finish == "length":
            made.append(self.draw(prompt + made, body, len(made)))
            finish, stop, shown = self._stopped(made, body)
        count, text = len(made), self._text(made, body)
        ids = made
        if finish == "stop":
            text = self._text(made[:-1] if not isinstance(stop, str) else made, body)
            if isinstance(stop, str):
                text = text[: text.find(stop)]
                ids = made[: -len(self._encode(stop))] if "llama.cpp" in self.kind else made
            if self.kind == "vllm" and body.get("include_stop_str_in_output"):
                text += shown
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        if self.kind == "vllm":
            choice["stop_reason"] = stop
            if body.get("return_token_ids"):
                choice["token_ids"] = ids
        if body.get("logprobs") and not chat:
            choice["logprobs"] = self._logprobs(prompt, made, ids, body)
        usage = {"prompt_tokens": len(prompt), "completion_tokens": count, "total_tokens": len(prompt) + count}
        reply = {"object": "text_completion", "model": self.name, "choices": [choice], "usage": usage}
        if self.kind == "llama.cpp" and body.get("verbose"):
            reply["__verbose"] = {"tokens": made, "stopping_word": stop if isinstance(stop, str) else ""}
        self.worded(reply)
        return reply

    def _logprobs(
        self, prompt: list[int], made: list[int], ids: Sequence[int], body: dict[str, Any]
    ) -> dict[str, Any] | None:
        if self.kind == "tgi":
            return None
        scale = 1 / (body["temperature"] or 1) if self.tempered else 1
        ranked = [
            [(each, n * scale) for each, n in self.measure(prompt + made[:at], made[at])] for at in range(len(ids))
        ]
        told = [(token, dict(its)[token], its[: body["logprobs"]]) for token, its in zip(ids, ranked, strict=True)]
        if "llama.cpp" not in self.kind:
            by_id = bool(body.get("return_tokens_as_token_ids"))

            def name(token: int) -> str:
                return f"token_id:{token}" if by_id else str(self.tokenizer.decode([token]))

            return {
                "tokens": [name(token) for token, _, _ in told],
                "token_logprobs": [number for _, number, _ in told],
                "top_logprobs": [{name(each): n for each, n in [*top, (token, number)]} for token, number, top in told],
            }
        # A token that ends inside a character is left out, as llama.cpp does.
        whole = [at for at in range(len(ids)) if not str(self.tokenizer.decode(list(ids[: at + 1]))).endswith("\ufffd")]
        return {
            "content": [
                {"id": token, "logprob": number, "top_logprobs": [{"id": each, "logprob": n} for each, n in top]}
                for token, number, top in (told[at] for at in whole)
            ]
        }

    def _read(self, body: dict[str, Any]) -> list[int]:
        if "messages" in body:
            return self._encode(
                str(self.tokenizer.apply_chat_template(body["messages"], tokenize=False, add_generation_prompt=True))
            )
        return list(body["prompt"]) if isinstance(body["prompt"], list) else self._encode(body["prompt"])

    def _stopped(self, made: list[int], body: dict[str, Any]) -> tuple[str, int | str | None, str]:
        """Finish, what a server says of the stop, and the stop's text."""
        last = made[-1]
        if last == self.tokenizer.eos_token_id:
            return "stop", None, ""
        if self.kind == "vllm" and last in body.get("stop_token_ids", ()):
            return "stop", last, str(self.tokenizer.decode([last]))
        text = self._text(made, body)
        found = [stop for stop in body.get("stop", ()) if stop in text]
        return ("stop", found[0], found[0]) if found else ("length", None, "")

    def _text(self, ids: Sequence[int], body: dict[str, Any]) -> str:
        skip = self.kind != "vllm" or body.get("skip_special_tokens", True)
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=skip, clean_up_tokenization_spaces=False))

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def refusal(self, path: str, body: dict[str, Any]) -> tuple[int, str] | None:
        if path not in (("/v1/chat/completions",) if self.kind == "chat" else ("/v1/completions",)):
            return 404, "Not Found"
        if body["model"] != self.name:
            return 404, f"The model {body['model']} does not exist."
        if self.kind in ("strict", "chat") and (unknown := set(body) - _OPENAI):
            return 400, f"Unrecognized request argument supplied: {min(unknown)}"
        if (body.get("logprobs") or 0) > {"strict": 5}.get(self.kind, 20):
            return 400, "Requested more logprobs than are allowed"
        if self.kind in ("tgi", "strict") and isinstance(body.get("prompt"), list):
            return 422, "prompt: expected a string"
        if len(self._read(body)) + body.get("max_tokens", 16) > self.context:
            return 400, "This model's maximum context length is exceeded"
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a reply is two writes, and the second would wait for the acknowledgement
    served: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        card = {"id": self.served.name, "object": "model", "created": int(time.time())}
        if self.served.kind == "vllm":
            card["max_model_len"] = self.served.context
        if not self._allowed():
            return
        if self.path == "/v1/models":
            self._send(200, {"data": [card, {"id": "another"}]})
        elif self.path == "/props" and "llama.cpp" in self.served.kind:
            self._send(200, {"default_generation_settings": {"n_ctx": self.served.context}})
        elif self.path == "/info" and self.served.kind == "tgi":
            self._send(200, {"max_total_tokens": self.served.context})
        else:
            self._send(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        served = self.served
        if not self._allowed():
            return
        if refusal := served.refusal(self.path, body):
            self._send(refusal[0], {"error": {"message": refusal[1]}})
            return
        with served.lock:
            served.now += 1
            served.most = max(served.most, served.now)
            fault = served.faults.popleft() if served.faults else served.mood(body)
        try:
            time.sleep(served.pause)
            if fault:
                served.faulted.append(fault)
                self._fail(fault, body)
            else:
                reply = served.complete(body)
                served.asked.append(body)
                self._send(200, reply)
        finally:
            with served.lock:
                served.now -= 1

    def _allowed(self) -> bool:
        said = self.headers.get("Authorization", "")
        if self.served.key and said != f"Bearer {self.served.key}":
            self._send(401, {"error": {"message": f"Incorrect API key provided: {said}"}})
            return False
        return True

    def _fail(self, fault: str, body: dict[str, Any]) -> None:
        served = self.served
        name, _, value = fault.partition(" ")
        if name.isdigit():
            headers = {"Retry-After": formatdate(time.time() + 2, usegmt=True) if value == "date" else value}
            said = f"{self.headers.get('Authorization')} is overloaded"
            self._send(int(name), {"error": {"message": said}}, headers if value else {})
            return
        reply = served.complete(body)
        match name:
            case "cut":
                self.close_connection = True
                return
            case "half":
                whole = json.dumps(reply).encode()
                self._send_raw(200, whole[: len(whole) // 2])
                return
            case "half-body":
                self._head(200, 10_000, {})
                self.wfile.write(b'{"model": ')
                self.close_connection = True
                return
            case "hang":
                time.sleep(3)
                self.close_connection = True
                return
            case "drip":
                self._head(200, 1000, {})
                for _ in range(30):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
                self.close_connection = True
                return
            case "usage":
                reply["usage"]["completion_tokens"] += int(value)
            case "prompt-usage":
                reply["usage"]["prompt_tokens"] += 1
            case "no-usage":
                del reply["usage"]
            case "model":
                reply["model"] = "another"
            case "no-choice":
                reply["choices"] = []
            case "negative":
                reply["usage"]["completion_tokens"] = -1
            case "finish":
                reply["choices"][0]["finish_reason"] = "content_filter"
            case "shorter":
                reply["choices"][0] |= {"finish_reason": "length", "text": "", "token_ids": []}
                reply["usage"]["completion_tokens"] = 0
            case _:
                raise AssertionError(fault)
        self._send(200, reply)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
            self.send_header(key, value)
        self.end_headers()

    def _send_raw(self, status: int, raw: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, len(raw), headers or {})
        self.wfile.write(raw)

    def _send(self, status: int, data: object, headers: dict[str, str] | None = None) -> None:
        self._send_raw(status, json.dumps(data).encode(), headers)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that give up are what is tested."""


@contextmanager
def serving(folder: Path, kind: Kind = "vllm", draw: Next | None = None, **options: object) -> Iterator[Server]:
    """A server of the tokenizer in `folder`, and of `draw` or a model without weights."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    server = Server("", kind, tokenizer, draw or words(tokenizer), **options)  # type: ignore[arg-type]
    http = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": server}))
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@contextmanager
def endpoint(server: Server, folder: Path, **options: Any) -> Iterator[OpenAIEngine]:
    """The engine on a server, asked of nothing so far."""
    engine, _, _ = load(server.url, server.name, tokenizer=str(folder), **options)
    server.asked.clear()
    try:
        yield engine
    finally:
        asyncio.run(engine.close())
