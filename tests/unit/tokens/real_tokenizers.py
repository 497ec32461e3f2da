"""The tokenizers that litellm ships, to compare estimates with."""

import os
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from service_common.tokens import Family

_O200K_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"


def _folder() -> Path:
    """Where litellm keeps them."""
    try:
        folder = metadata.distribution("litellm").locate_file("litellm/litellm_core_utils/tokenizers")
    except metadata.PackageNotFoundError:
        pytest.skip("no tokenizer to compare with: pip install 'trunkline[litellm]'")
    return Path(str(folder))


def real_tokenizers() -> Mapping[Family, Callable[[str], int]]:
    """What counts the tokens of a text, by family; skips where they are not at hand."""
    folder = _folder()
    if not (folder / _O200K_FILE).exists():
        pytest.skip("this litellm does not ship o200k_base")
    tiktoken = pytest.importorskip("tiktoken")
    tokenizers = pytest.importorskip("tokenizers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", os.fspath(folder))
        openai = tiktoken.get_encoding("o200k_base")
    claude = tokenizers.Tokenizer.from_file(os.fspath(folder / "anthropic_tokenizer.json"))
    return {
        Family.OPENAI: lambda text: len(openai.encode(text)),
        Family.CLAUDE: lambda text: len(claude.encode(text, add_special_tokens=False).ids),
    }
