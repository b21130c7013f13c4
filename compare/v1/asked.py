"""What a client asks for: OpenAI's fields, checked, as the engine's plain values."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compare.v1.errors import ApiError
from compare.values import LARGEST_SEED, LONGEST, Extras, Message, RefusedError, Sampling

Prompt = str | list[int]
_MOST_TEXTS = 32  # of one request
_MOST_STOPS = 4
_IGNORED = {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
_COMMON = {"model", "stream", "stream_options", "stop", "seed", "n", "temperature", "top_p"}
_COMMON |= {"max_tokens", "logprobs", "top_k", "repetition_penalty"}
_OWN = {
    "completions": {"prompt", "echo"},
    "chat": {"messages", "max_completion_tokens", "top_logprobs"},
}
# Fields that are not offered: only these values are accepted.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "presence_penalty": (0, None),
    "frequency_penalty": (0, None),
    "best_of": (1, None),
    "suffix": (None, ""),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "response_format": (None, {"type": "text"}),
}


@dataclass(frozen=True)
class Asked:
    model: str
    prompts: list[Prompt]  # of completions
    talk: list[Message]  # of chat
    n: int
    sampling: Sampling
    extras: Extras
    new: int  # tokens asked for: 0 is allowed where the prompt is echoed
    echo: bool
    stream: bool
    usage: bool  # at the end of a stream


def read(body: Any, kind: str) -> Asked:
    if not isinstance(body, dict):
        raise ApiError("The body must be a JSON object.")
    fields = {name: value for name, value in body.items() if name not in _IGNORED}
    for name, value in fields.items():
        if name in _NEUTRAL:
            if value not in _NEUTRAL[name]:
                raise ApiError(f"{name} is not offered here.", param=name)
        elif name not in _COMMON | _OWN[kind]:
            raise ApiError(f"Unknown parameter: {name}.", param=name, code="unknown_parameter")
    chat = kind == "chat"
    echo = _flag(fields, "echo")
    new = _whole(fields, "max_completion_tokens" if chat else "max_tokens", None, 0, LONGEST)
    if new is None:
        new = _whole(fields, "max_tokens", 120 if chat else 16, 0, LONGEST)
    assert new is not None
    if new == 0 and not echo:
        raise ApiError("max_tokens must be at least 1.", param="max_tokens")
    options = fields.get("stream_options") or {}
    prompts = [] if chat else _prompts(fields.get("prompt"))
    n = _whole(fields, "n", 1, 1, _MOST_TEXTS) or 1
    if n * max(1, len(prompts)) > _MOST_TEXTS:
        raise ApiError(f"At most {_MOST_TEXTS} texts a request.", param="n")
    stream = _flag(fields, "stream")
    if stream and echo:
        raise ApiError("echo cannot be streamed.", param="echo")
    return Asked(
        model=_model(fields.get("model")),
        prompts=prompts,
        talk=_talk(fields.get("messages")) if chat else [],
        n=n,
        sampling=_sampling(fields, new),
        extras=Extras(_stops(fields.get("stop")), _likeliest(fields, chat)),
        new=new,
        echo=echo,
        stream=stream,
        usage=isinstance(options, Mapping) and bool(options.get("include_usage")),
    )


def _model(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ApiError("model must be a name: see /v1/models.", param="model")
    return value


def _sampling(fields: Mapping[str, Any], new: int) -> Sampling:
    temperature = fields.get("temperature")
    greedy = temperature == 0 and not isinstance(temperature, bool)
    seed = _whole(fields, "seed", None, -(2**63), 2**63)
    try:
        return Sampling(
            temperature=1.0 if greedy or temperature is None else temperature,
            top_k=fields.get("top_k") or 0,
            top_p=1.0 if fields.get("top_p") is None else fields["top_p"],
            repetition_penalty=fields.get("repetition_penalty") or 1.0,
            max_new_tokens=max(1, new),
            greedy=greedy,
            seed=secrets.randbelow(LARGEST_SEED) if seed is None else seed % (LARGEST_SEED + 1),
        )
    except RefusedError as refusal:
        raise ApiError(str(refusal), param=str(refusal).split()[0]) from None


def _likeliest(fields: Mapping[str, Any], chat: bool) -> int | None:
    if not chat:
        return _whole(fields, "logprobs", None, 0, 20)
    if not _flag(fields, "logprobs"):
        return None
    return _whole(fields, "top_logprobs", 0, 0, 20)


def _prompts(value: Any) -> list[Prompt]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(each, str) for each in value) or all(map(_are_tokens, value)):
            return list(value)
        if _are_tokens(value):
            return [value]
    raise ApiError("prompt must be text, tokens, or a list of either.", param="prompt")


def _are_tokens(value: Any) -> bool:
    whole = isinstance(value, list) and bool(value)
    return whole and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def _talk(value: Any) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise ApiError("messages must be a list of at least one message.", param="messages")
    talk = []
    for number, message in enumerate(value):
        where = f"messages[{number}]"
        if not isinstance(message, Mapping):
            raise ApiError(f"{where} must have a role and a content.", param=where)
        role, content = message.get("role"), _text(message.get("content"))
        if role not in ("system", "developer", "user", "assistant"):
            raise ApiError(f"{where}.role must be system, user or assistant.", param=where)
        if content is None:
            raise ApiError(f"{where}.content must be text.", param=where)
        talk.append({"role": "system" if role == "developer" else role, "content": content})
    return talk


def _text(content: Any) -> str | None:
    """A text, or a list of parts that are all text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
    return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    good = isinstance(stops, list) and all(isinstance(each, str) and each for each in stops)
    if not good or len(stops) > _MOST_STOPS:
        raise ApiError(f"stop must be a text or a list of at most {_MOST_STOPS}.", param="stop")
    return tuple(stops)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise ApiError(f"{name} must be true or false.", param=name)
    return bool(value)


def _whole(
    fields: Mapping[str, Any], name: str, default: int | None, least: int, most: int
) -> int | None:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ApiError(
            f"{name} must be a whole number from {least:,} to {most:,}; {value!r} is not.",
            param=name,
        )
    return value
