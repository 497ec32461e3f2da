"""The lines of an Ollama answer."""

import json
from collections.abc import Mapping
from typing import Any, Final

from provider_workers.simulated.exchange import Answer, Ask
from provider_workers.simulated.wires.base import Context, compact
from provider_workers.simulated.wires.ollama_models import timestamp

_NANOSECONDS: Final = 1_000_000_000


class LineWriter:
    """Writes the lines of one answer, of `/api/chat` or `/api/generate`."""

    def __init__(self, ask: Ask, answer: Answer, context: Context) -> None:
        self.generate = "messages" not in ask.raw
        self.key = "response" if self.generate else "message"
        self._ask = ask
        self._answer = answer
        self._created = timestamp(context.now)
        self._head = f'{{"model":{compact(ask.model)},"created_at":"{self._created}",'

    def message(self, text: str, thinking: str, answer: Answer) -> dict[str, Any]:
        """An assistant message; with the answer's tool calls."""
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thinking:
            message["thinking"] = thinking
        if answer.tool_calls:
            message["tool_calls"] = [self._call(index) for index in range(len(answer.tool_calls))]
        return message

    def piece(self, text: str, thinking: str) -> bytes:
        """A line with a piece of the answer."""
        thought = f',"thinking":{compact(thinking)}' if thinking else ""
        if self.generate:
            return f'{self._head}"response":{compact(text)}{thought},"done":false}}\n'.encode()
        message = f'{{"role":"assistant","content":{compact(text)}{thought}}}'
        return f'{self._head}"message":{message},"done":false}}\n'.encode()

    def tool_call(self, index: int) -> bytes:
        """A line with a whole tool call: Ollama does not split its arguments."""
        message = {"role": "assistant", "content": "", "tool_calls": [self._call(index)]}
        return f'{self._head}"message":{compact(message)},"done":false}}\n'.encode()

    def last(self) -> dict[str, Any]:
        """The last line, with the reason and the counts."""
        usage = self._answer.usage
        body: dict[str, Any] = {"model": self._ask.model, "created_at": self._created}
        body[self.key] = "" if self.generate else {"role": "assistant", "content": ""}
        body["done"] = True
        if self._answer.finish:
            # Ollama has no reason of its own for tool calls.
            body["done_reason"] = "stop" if self._answer.finish == "tool_calls" else self._answer.finish
        load = int(self._answer.load_seconds * _NANOSECONDS) + 1_019_500
        body |= {"total_duration": load + 200_000_000, "load_duration": load}
        if usage:
            body |= {"prompt_eval_count": usage.prompt, "prompt_eval_duration": 50_000_000}
            body |= {"eval_count": usage.completion, "eval_duration": 100_000_000}
        return body

    def loaded(self) -> dict[str, Any]:
        """The answer to a request that only loads or unloads the model."""
        reason = "unload" if self._ask.raw.get("keep_alive") == 0 else "load"
        empty: object = "" if self.generate else {"role": "assistant", "content": ""}
        head = {"model": self._ask.model, "created_at": self._created}
        return {**head, self.key: empty, "done": True, "done_reason": reason}

    def _call(self, index: int) -> dict[str, Any]:
        call = self._answer.tool_calls[index]
        return {"function": {"index": index, "name": call.name, "arguments": json.loads(call.arguments)}}


def line(body: Mapping[str, Any]) -> bytes:
    """One line of NDJSON."""
    return compact(body).encode() + b"\n"
