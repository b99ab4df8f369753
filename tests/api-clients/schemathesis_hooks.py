"""What the document of this API cannot say of a run."""

import os

import schemathesis


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Names the run's own user wherever a path has one: any other user is 403, so nothing behind that would be reached."""
    paths = list(raw_schema["paths"].values())
    for operation in [operation for path in paths for operation in path.values() if isinstance(operation, dict)]:
        for parameter in operation.get("parameters", []):
            if parameter.get("name") == "user_id":
                parameter["schema"] = {"type": "string", "enum": [os.environ["API_CHECK_USER"]]}


@schemathesis.hook
def filter_body(context, body):
    """Leaves out long texts with white space at an end: the API takes it off before it counts the characters, as the
    document says in words, so a text that is longer than `maxLength` may be good."""
    values = body.values() if isinstance(body, dict) else []
    return not any(isinstance(value, str) and len(value) > 50 and value != value.strip() for value in values)
