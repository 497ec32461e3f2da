"""Capacity in the file: limits of targets and backends, the waiting room, repeated calls, and what replicas share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from service_common.configuration.references import all_variables_in, has_reference, refuse_password, resolve
from service_common.configuration.scalars import Duration, Size
from service_common.configuration.section import Section

PerMinute = Annotated[int, Field(ge=1, le=1_000_000_000)]
_SCHEMES = ("redis://", "rediss://")


class LimitsSection(Section):
    """What a target or backend is given at most, by this router; None: no limit.

    Attributes:
        requests_per_minute, tokens_per_minute: over any 60 s; tokens of prompts and answers together.
        concurrency: attempts at once.
    """

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class WaitingSection(Section):
    """Calls that find no free slot wait for one.

    Attributes:
        length: most calls that wait; 0: none does, they are refused at once.
        queue_timeout: longest wait; None: until the call's deadline.
    """

    length: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    queue_timeout: Duration | None = None


class IdempotencySection(Section):
    """Calls that are repeated under one idempotency key.

    Attributes:
        ttl: how long a whole answer is kept for a repeat.
        grace: how long a running call goes on after its last caller vanished.
        entries: most calls kept, running ones included; `memory`: most bytes of kept answers.
    """

    ttl: Duration = 600.0
    grace: Duration = 30.0
    entries: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    memory: Annotated[Size, Field(ge=65_536)] = 67_108_864


class SharedSection(Section):
    """What router replicas share through Redis: limits per minute, and answers of calls with an idempotency key.

    Attributes:
        redis: `redis://` or `rediss://` address; a password is a reference; empty: each replica is on its own.
        timeout: longest wait for Redis; a call goes on without it then.
        refresh: how often replicas tell each other what they used of the limits.
        prefix: of every key.
    """

    redis: str = ""
    timeout: Annotated[Duration, Field(gt=0, le=10)] = 0.25
    refresh: Annotated[Duration, Field(ge=0.05, le=10)] = 0.5
    prefix: Annotated[str, Field(min_length=1, max_length=100)] = "trunkline"

    @field_validator("redis")
    @classmethod
    def _check_address(cls, value: str) -> str:
        refuse_password(value)
        if value and not has_reference(value) and not value.startswith(_SCHEMES):
            raise ValueError(f'"{value}" is no address: it begins with redis:// or rediss://')
        return value

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.timeout > self.refresh * 10:
            raise ValueError("timeout is more than ten times refresh: limits would be shared late. Shorten it")
        return self

    def address(self, file: Path, environment: Mapping[str, str]) -> str:
        """The address with its references resolved from the environment and the `.env` beside `file`.

        Raises:
            ValueError: some are not set.
        """
        return resolve("shared.redis", self.redis, file, environment)

    def variables(self) -> tuple[str, ...]:
        """The names of all environment variables that the router reads for it."""
        return all_variables_in(self.redis)
