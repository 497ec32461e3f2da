"""Pays litellm's first call before the worker attaches.

What that loads (a tokenizer, pydantic's models of an answer, the modules of streams) holds the interpreter's lock for
0.3 s, and many times that on a busy machine: long enough that the router missed the heartbeats of a worker.
"""

from typing import Any

import litellm


def warm() -> None:
    """Read an answer that litellm makes up by itself; nothing is sent to anybody."""
    answer: Any = litellm.completion(
        model="gpt-4o-mini",
        custom_llm_provider="openai",
        messages=[{"role": "user", "content": "Hi"}],
        stream=True,
        stream_options={"include_usage": True},
        mock_response="Hello",
    )
    for _ in answer:
        pass
