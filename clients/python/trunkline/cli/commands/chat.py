"""`trunkline chat`: ask, and see the answer as it comes."""

from typing import Annotated

import typer

import trunkline
from trunkline.cli.flags import RequestFlags
from trunkline.cli.rendering.as_json import answer_json
from trunkline.cli.rendering.chat import ChatView
from trunkline.cli.rendering.console import Output
from trunkline.cli.session import JsonOption, RouterOption, connected, exit_code
from trunkline.cli.spreading import spread
from trunkline.errors import TrunklineError
from trunkline.messages import Prompt
from trunkline.options import CompletionOptions


@spread(RequestFlags)
def chat(
    flags: RequestFlags,
    explain: Annotated[bool, typer.Option("--explain", "-e", help="Show the decision and every hop.")] = False,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show what the model thinks.")] = False,
    as_json: JsonOption = False,
    router: RouterOption = None,
) -> None:
    """Ask, and see the answer as it comes."""
    output = Output.standard()
    prompt, options = flags.message(), flags.options()
    with connected(router, output, as_json=as_json) as client:
        if as_json:
            output.json(answer_json(client.complete(prompt, **options)))
            return
        # a pipe cannot take words back: where the answer may begin anew, it gets the whole one at the end
        live = output.data.is_terminal or options.get("recovery", "fail") == "fail"
        view = ChatView(output, explain=explain, reasoning=reasoning, live=live)
        ask(client, prompt, options, view)


def ask(client: "trunkline.Client", prompt: Prompt, options: CompletionOptions, view: ChatView) -> None:
    """Stream one answer to a view.

    Raises:
        typer.Exit: the call failed; the view shows why.
    """
    try:
        with client.stream(prompt, **options) as stream:
            try:
                for event in stream:
                    view.show(event)
            finally:
                view.break_line()
            view.finish(stream.answer)
    except TrunklineError as error:
        view.fail(error)
        raise typer.Exit(exit_code(error)) from error
