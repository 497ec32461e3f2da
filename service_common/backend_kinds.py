"""The kinds of backends: all that routers and workers know of a kind, beside its adapter. See docs/workers.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from service_common.model_names import DEFAULT_TAG

KindName = Literal["openai_wire", "ollama", "litellm", "external"]
"""Written out, since types cannot be read from a table; a test holds it to `BACKEND_KINDS`."""


WORKER_SETTINGS = frozenset(
    {
        "api_key",
        "base_url",
        "ca_file",
        "capacity",
        "environment",
        "headers",
        "labels",
        "metrics_listen",
        "options",
        "timeouts",
    }
)
"""Settings of a backend that its worker alone reads."""


@dataclass(frozen=True, slots=True)
class BackendKind:
    """What sets a kind of backend apart from others.

    Attributes:
        settings: of a backend's section in the file, which no other kind has.
        has_worker: whether `provider_workers` serves it. Otherwise somebody else starts its worker, which tells of
            itself what the file says of others (`WORKER_SETTINGS`), and what it knows of models.
        needs_address: whether somebody must say where the provider is: the library behind it does not know.
        through_litellm: whether litellm speaks to the provider, by the name that litellm has for it.
        announces_all_models: its workers always ask what the provider has, and hand no other model's name on.
        runs_models: its models run on the backend's own host. They cost nothing, and where that host is near they may
            see confidential prompts unless the configuration says otherwise.
        cloud_tag: end of the names of models that run in the maker's cloud all the same; empty: there are none.
        default_tag: the tag of a name that has none; empty: names have no tags.
    """

    settings: frozenset[str] = frozenset()
    has_worker: bool = True
    needs_address: bool = True
    through_litellm: bool = False
    announces_all_models: bool = False
    runs_models: bool = False
    cloud_tag: str = ""
    default_tag: str = ""

    def takes(self, setting: str) -> bool:
        """Whether the section of such a backend may have a setting."""
        if setting in WORKER_SETTINGS and not self.has_worker:
            return False
        return setting in self.settings or all(setting not in kind.settings for kind in BACKEND_KINDS.values())

    def other_name(self, model: str) -> str:
        """The other name of a model that goes by two: `llama3.1` and `llama3.1:latest`; empty: it has but one."""
        if not self.default_tag:
            return ""
        base, _, tag = model.partition(":")
        return base if tag == self.default_tag else "" if tag else f"{model}:{self.default_tag}"

    def runs_in_cloud(self, model: str) -> bool:
        """Whether a model of a local server runs in its maker's cloud: Ollama's tags `cloud` and `...-cloud`."""
        tag = self.cloud_tag
        return bool(tag) and (model.endswith(f"-{tag}") or model.partition(":")[2].endswith(tag))


BACKEND_KINDS: Mapping[str, BackendKind] = MappingProxyType(
    {
        "openai_wire": BackendKind(settings=frozenset({"dialect"})),
        "ollama": BackendKind(
            settings=frozenset({"keep_alive", "pull", "warm_up"}),
            announces_all_models=True,
            runs_models=True,
            cloud_tag="cloud",
            default_tag=DEFAULT_TAG,
        ),
        "litellm": BackendKind(needs_address=False, through_litellm=True),
        "external": BackendKind(has_worker=False, needs_address=False),
    }
)
WORKER_KINDS = tuple(name for name, kind in BACKEND_KINDS.items() if kind.has_worker)
"""The kinds that `provider_workers` serves."""
