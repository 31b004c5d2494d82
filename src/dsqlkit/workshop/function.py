"""Chapter 1: a function. It is invoked here, once as it should be and once without a name."""

import json
from collections.abc import Mapping

from dsqlkit.errors import UsageError
from dsqlkit.workshop.chapter import Code, Shown, Stage, Text

_REQUEST = {"name": "reinvent"}


def play(stage: Stage) -> Shown:
    """Invoke chapter 1's handler as Lambda would."""
    stage.say("Invoking the function")
    response = stage.outside.invoke(1, _REQUEST)
    refused = _refused(stage)
    return Shown(
        parts=(
            Code((f"$ dsqlkit invoke 1 --payload '{json.dumps(_REQUEST)}'", json.dumps(response))),
            Text(
                "That ran here. A deployed one (dsqlkit stack deploy) answers `aws lambda invoke` "
                "with StatusCode 200 and the same JSON. A request without a name is an error in "
                "both places; Lambda then adds FunctionError Unhandled, and answers:"
            ),
            Code((json.dumps(refused),)),
        ),
        facts={
            "request": _REQUEST,
            "response": response,
            "deployed": {"StatusCode": 200, "Payload": response},
            "without_a_name": {
                "StatusCode": 200,
                "FunctionError": "Unhandled",
                "Payload": refused,
            },
        },
    )


def _refused(stage: Stage) -> Mapping[str, str]:
    """What Lambda's Python runtime makes of the error: its text and its type."""
    try:
        stage.outside.invoke(1, {})
    except UsageError as error:
        return {"errorMessage": str(error), "errorType": type(error).__name__}
    raise AssertionError("a request without a name is refused")
