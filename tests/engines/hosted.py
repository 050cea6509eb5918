"""Hosted reasoning models, each in the words of its service: fields, counts and refusals as their documentation has
them (November 2026). What they think and answer is made up, and how long depends on the effort."""

from __future__ import annotations

from typing import Any, Literal

from tests.engines.speaking import Answer, Body, Said, refuse

Service = Literal["openai", "responses", "anthropic", "gemini", "openrouter", "together", "deepseek", "xai", "mistral"]
PROMPT = 17  # tokens that each of them counts in any prompt
THOUGHT, TEXT = "I add the two numbers, and look again. ", "The answer is \\boxed{42}."
ANSWER = 9  # tokens of the answer, as it is counted
LEVELS = {"low": 30, "medium": 60, "high": 90}  # tokens of thinking
USUAL = LEVELS["medium"]


def _openai(path: str, body: Body) -> Said:
    """Hides the thinking; takes neither a temperature nor max_tokens, and nothing it does not know."""
    if path == "models":
        return Said({"object": "list", "data": [{"id": "served", "object": "model", "owned_by": "openai"}]})
    if path == "completions":
        return refuse("This is a chat model and not supported in the v1/completions endpoint.", 404)
    if path != "chat/completions":
        return refuse("Not Found", 404)
    if unknown := set(body) - {"model", "messages", "max_completion_tokens", "seed", "stop", "reasoning_effort"}:
        return refuse(f"Unsupported parameter: {min(unknown)!r} is not supported with this model.")
    if not body["messages"]:
        return refuse("Invalid 'messages': empty array.")
    level = body.get("reasoning_effort", "medium")
    if level not in LEVELS:
        return refuse(f"Invalid value: {level!r}. Supported values are: 'low', 'medium', and 'high'.")
    thought, said, finish = _cut(LEVELS[level], body["max_completion_tokens"])
    return _chat({"content": TEXT if said else ""}, finish, thought + said, hidden=thought)


def _responses(path: str, body: Body) -> Said:
    """A model that the Responses API alone has."""
    if path == "chat/completions":
        return refuse("This model is only supported in v1/responses and not in v1/chat/completions.", 404)
    if path != "responses":
        return _openai(path, body)
    if unknown := set(body) - {"model", "input", "max_output_tokens", "store", "reasoning"}:
        return refuse(f"Unsupported parameter: {min(unknown)!r} is not supported with this model.")
    level = body.get("reasoning", {}).get("effort", "medium")
    if level not in LEVELS:
        return refuse(f"Invalid value: {level!r}.")
    if body["max_output_tokens"] < 16:
        return refuse("Invalid 'max_output_tokens': integer below minimum value.")
    thought, said, finish = _cut(LEVELS[level], body["max_output_tokens"])
    output: list[Body] = [{"type": "reasoning", "id": "rs_1", "summary": []}]
    if said:
        output.append({"type": "message", "content": [{"type": "output_text", "text": TEXT, "annotations": []}]})
    whole = finish == "stop"
    usage = {"input_tokens": PROMPT, "output_tokens": thought + said, "total_tokens": PROMPT + thought + said}
    return Said(
        {
            "object": "response",
            "model": "served",
            "status": "completed" if whole else "incomplete",
            "incomplete_details": None if whole else {"reason": "max_output_tokens"},
            "output": output,
            "usage": {**usage, "output_tokens_details": {"reasoning_tokens": thought}},
        }
    )


def _anthropic(path: str, body: Body) -> Said:
    """Thinks where it is told to, hides it, and counts it among the rest; has no list of models for such a key."""
    if path == "models":
        return refuse("x-api-key header is required", 401, type="authentication_error")
    if path != "chat/completions":
        return refuse("not_found_error", 404)
    if "top_p" in body:
        return refuse("temperature and top_p cannot both be specified for this model. Please use only one.")
    budget = body.get("thinking", {}).get("budget_tokens", 0)
    if not isinstance(budget, int) or (budget and not budget < body["max_tokens"]):
        return refuse("thinking.budget_tokens: Input should be a valid integer less than max_tokens")
    thought, said, finish = _cut(min(budget, 500), body["max_tokens"])
    return _chat({"content": TEXT if said else ""}, finish, thought + said, details=False)


def _gemini(path: str, body: Body) -> Said:
    """Leaves the thinking out of the completion's count, and has it in the total."""
    if path == "models":
        return Said({"object": "list", "data": [{"id": "models/served", "object": "model", "owned_by": "google"}]})
    if path != "chat/completions":
        return Said(raw=b"", status=404)
    known = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "reasoning_effort", "extra_body"}
    if unknown := set(body) - known:
        return Said([{"error": {"code": 400, "message": f'Unknown name "{min(unknown)}"', "status": "INVALID"}}], 400)
    level = body.get("reasoning_effort", "medium")
    budget = body.get("extra_body", {}).get("google", {}).get("thinking_config", {}).get("thinking_budget")
    if level not in LEVELS or not isinstance(budget, int | None):
        return Said([{"error": {"code": 400, "message": "Invalid value", "status": "INVALID_ARGUMENT"}}], 400)
    thought, said, finish = _cut(LEVELS[level] if budget is None else budget, body["max_tokens"])
    reply = _body({"content": TEXT if said else None}, finish, said)
    reply["usage"]["total_tokens"] += thought
    return Said(reply)


def _openrouter(path: str, body: Body) -> Said:
    """Says who computes; its thinking stands in two fields; its completions put prompts into a template."""
    if path == "models":
        card = {"id": "served", "context_length": 65536, "pricing": {"prompt": "0.000001"}}
        return Said({"data": [card, {"id": "another"}]})
    if path not in ("chat/completions", "completions"):
        return refuse("Not Found", 404)
    reasoning = body.get("reasoning", {})
    level, budget = reasoning.get("effort", "medium"), reasoning.get("max_tokens")
    if level not in LEVELS or not isinstance(budget, int | None):
        return refuse("Invalid input")
    thought, said, finish = _cut(LEVELS[level] if budget is None else budget, body.get("max_tokens", 100))
    shown = THOUGHT * (thought // 8)
    message = {
        "content": TEXT if said else "",
        "reasoning": shown,
        "reasoning_details": [{"type": "reasoning.text", "text": shown, "format": "unknown", "index": 0}],
    }
    reply = _body(message, finish, thought + said, hidden=thought)
    if path == "completions":
        reply["choices"][0] = {"text": TEXT if said else "", "finish_reason": finish, "reasoning": shown}
    pinned = body.get("provider", {}).get("order", ["Nebula"])
    return Said({**reply, "provider": pinned[0]})


def _together(path: str, body: Body) -> Said:
    """Lists models without a frame around them, thinks in tags, and ends for "eos"."""
    if path == "models":
        return Said([{"id": "served", "object": "model", "type": "chat", "context_length": 65536}])
    if path != "chat/completions":
        return refuse("Not Found", 404)
    thought, said, finish = _cut(USUAL, body["max_tokens"])
    text = f"<think>\n{THOUGHT * (thought // 8)}" + (f"</think>\n\n{TEXT}" if said else "")
    return _chat({"content": text}, "eos" if finish == "stop" else finish, thought + said, details=False)


def _deepseek(path: str, body: Body) -> Said:
    """Has its thinking in a field of its own, as vLLM, SGLang and llama.cpp's server do with a reasoning parser."""
    if path == "models":
        return Said({"data": [{"id": "served"}]})
    if path != "chat/completions":
        return refuse("Not Found", 404)
    thought, said, finish = _cut(USUAL, body["max_tokens"])
    message = {"content": TEXT if said else None, "reasoning_content": THOUGHT * (thought // 8)}
    return _chat(message, finish, thought + said, hidden=thought)


def _xai(path: str, body: Body) -> Said:
    """Counts its thinking beside the completion."""
    if path != "chat/completions":
        return refuse("Not Found", 404)
    thought, said, finish = _cut(USUAL, body["max_tokens"])
    reply = _body({"content": TEXT if said else ""}, finish, said, hidden=thought)
    reply["usage"]["total_tokens"] += thought
    return Said(reply)


def _mistral(path: str, body: Body) -> Said:
    """Its content is a list of parts, those of thinking among them."""
    if path != "chat/completions":
        return refuse("Not Found", 404)
    thought, said, finish = _cut(USUAL, body["max_tokens"])
    parts: list[Body] = [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT * (thought // 8)}]}]
    if said:
        parts.append({"type": "text", "text": TEXT})
    return _chat({"content": parts}, "stop" if finish == "stop" else "model_length", thought + said, details=False)


def _cut(thought: int, limit: int) -> tuple[int, int, str]:
    """Tokens of thinking, tokens of the answer, and why it ended."""
    return (thought, ANSWER, "stop") if thought + ANSWER <= limit else (limit, 0, "length")


def _body(message: Body, finish: str, count: int, hidden: int | None = None) -> dict[str, Any]:
    usage: Body = {"prompt_tokens": PROMPT, "completion_tokens": count, "total_tokens": PROMPT + count}
    if hidden is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": hidden}
    choice = {"index": 0, "message": {"role": "assistant", "refusal": None, **message}, "finish_reason": finish}
    return {"object": "chat.completion", "model": "served", "choices": [choice], "usage": usage}


def _chat(message: Body, finish: str, count: int, *, hidden: int | None = None, details: bool = True) -> Said:
    return Said(_body(message, finish, count, hidden if details else None))


SERVICES: dict[Service, Answer] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "openrouter": _openrouter,
    "together": _together,
    "deepseek": _deepseek,
    "xai": _xai,
    "mistral": _mistral,
}
