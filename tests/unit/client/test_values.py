"""Words, money, addresses: the small conversions."""

import re
from decimal import Decimal
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_common import failures, vocabulary
from trunkline._address import router_address
from trunkline._channel import channel_options, channel_target
from trunkline._wire import duration_of, number_of, word_of
from trunkline.errors import InvalidRequest
from trunkline.money import to_dollars, to_nanodollars
from trunkline.options import Complexity, Recovery, Sensitivity, Task
from trunkline.types.v1 import attempt_pb2, chat_pb2, classification_pb2, target_pb2


@pytest.mark.parametrize(
    ("words", "enum"),
    [
        (Task, classification_pb2.Task),
        (Complexity, classification_pb2.Complexity),
        (Sensitivity, classification_pb2.Sensitivity),
        (Recovery, chat_pb2.StreamRecovery),
    ],
)
def test_words_of_the_options_are_those_of_the_contract(words: Any, enum: Any) -> None:
    """Every word that the types allow has a member, and every member a word."""
    spoken = set(get_args(words))
    assert spoken == {word_of(enum, number) for number in enum.values() if number}


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        (attempt_pb2.FailureClass, failures.FailureClass),
        (attempt_pb2.AttemptKind, vocabulary.AttemptKind),
        (target_pb2.TargetState, vocabulary.TargetState),
        (chat_pb2.FinishReason, vocabulary.FinishReason),
    ],
)
def test_client_and_router_say_the_same_words(enum: Any, words: type[vocabulary.Word]) -> None:
    """What a router's log calls a thing is what the client calls it."""
    assert [word_of(enum, word.value) for word in words] == [word.label for word in words]


def test_a_member_of_a_newer_router_is_told_by_its_number() -> None:
    """A value that this client does not know is no error."""
    assert word_of(attempt_pb2.FailureClass, cast(attempt_pb2.FailureClass.ValueType, 99)) == "unknown_99"
    assert word_of(attempt_pb2.FailureClass, attempt_pb2.FAILURE_CLASS_UNSPECIFIED) == ""


def test_unspecified_cannot_be_asked_for() -> None:
    """`unspecified` is how the wire says nothing; it is not a word."""
    with pytest.raises(ValueError, match='no "unspecified"'):
        number_of(classification_pb2.Task, "unspecified")


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_money_is_exact(nanodollars: int) -> None:
    """Nano-dollars survive the way to dollars and back."""
    assert to_nanodollars(to_dollars(nanodollars)) == nanodollars


def test_float_dollars_count_as_they_are_written() -> None:
    """0.1 is a tenth of a dollar, not its nearest binary fraction."""
    assert to_nanodollars(0.1) == 100_000_000
    assert to_nanodollars("$0.004") == 4_000_000
    assert to_dollars(1) == Decimal("0.000000001")


def test_durations_keep_fractions() -> None:
    """A duration is exact to the nanosecond."""
    assert duration_of(1.5).ToNanoseconds() == 1_500_000_000
    assert duration_of(0.000000001).ToNanoseconds() == 1


def test_address_as_given_then_environment_then_default() -> None:
    """The nearest word wins; an empty variable counts as none."""
    environment = {"TRUNKLINE_ROUTER": "router:1"}
    assert router_address("here:2", environment) == "here:2"
    assert router_address(None, environment) == "router:1"
    assert router_address(None, {"TRUNKLINE_ROUTER": ""}) == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("router:1", "router:1"),
        ("dns:///router:1", "dns:///router:1"),
        ("10.0.0.1:1, 10.0.0.2:2,", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("localhost:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("[::1]:1,[fd00::2]:2", "ipv6:[::1]:1,[fd00::2]:2"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
    ],
)
def test_several_addresses_go_by_comma(address: str, target: str) -> None:
    """As for workers; gRPC wants its own scheme before them."""
    assert channel_target(address) == target


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("a:1,b:1", '"a:1": of several addresses each is IP:PORT'),
        ("10.0.0.1,10.0.0.2:1", '"10.0.0.1": of several'),
        ("10.0.0.1:0,10.0.0.2:1", '"10.0.0.1:0": of several'),
        ("10.0.0.1:1,[::1]:1", "IPv4 and IPv6 addresses cannot stand side by side"),
        (",", "there is no address"),
    ],
)
def test_a_list_that_grpc_cannot_use_is_refused(address: str, said: str) -> None:
    """gRPC looks a name up only where it stands alone."""
    with pytest.raises(InvalidRequest, match=re.escape(said)):
        channel_target(address)


@pytest.mark.parametrize(
    ("address", "asked"),
    [("127.0.0.1:1,localhost:2", False), ("ipv6:[::1]:1", False), ("127.0.0.1:1,10.0.0.2:1", True)],
)
def test_a_proxy_is_asked_unless_every_address_is_this_host(address: str, asked: bool) -> None:
    """No proxy can reach what is only here."""
    assert ("grpc.enable_http_proxy" not in dict(channel_options(address))) is asked


def test_channel_retries_nothing_and_balances_by_health() -> None:
    """The router owns retries; a replica that drains gets no new calls; no proxy is asked for this host."""
    options = dict(channel_options("127.0.0.1:50051"))
    assert options["grpc.enable_retries"] == 0
    assert "round_robin" in str(options["grpc.service_config"])
    assert "trunkline.router.v1.RouterService" in str(options["grpc.service_config"])
    assert options["grpc.enable_http_proxy"] == 0
    assert "grpc.enable_http_proxy" not in dict(channel_options("router.example.org:443"))
