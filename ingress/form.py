"""Read the parameters of a REST request from its raw bytes (API sections 1 and 2).

A request's parameters come in the query string, in a form body, or in both; a body is a form
whatever its content type says. The signature covers the bytes as they were sent, so they are kept:
query (without its `signature` pair), immediately followed by the body (without its).
"""

from dataclasses import dataclass
from urllib.parse import unquote_plus

from ingress import errors

PARAM_LIMIT = 100
"""More parameters than any request has; a longer form is refused before it is looked at closely."""


@dataclass(slots=True)
class Form:
    """The parameters of one request, decoded, and the bytes that its signature covers."""

    fields: dict[str, str]
    signature: str | None
    payload: bytes


def read_form(query: bytes, body: bytes) -> Form:
    """Read query string and body; a parameter in both has the query string's value.

    Raises: Refused (-1100 not UTF-8, -1101 too many or sent twice).
    """
    fields: dict[str, str] = {}
    if not body:
        signature, payload = _read_part(query, fields)
        return Form(fields, signature, payload)
    signature, payload = _read_part(body, fields)
    if query:
        asked: dict[str, str] = {}
        from_query, head = _read_part(query, asked)
        fields.update(asked)
        signature = signature if from_query is None else from_query
        payload = head + payload
    return Form(fields, signature, payload)


def _read_part(part: bytes, fields: dict[str, str]) -> tuple[str | None, bytes]:
    """Add the pairs of one part to `fields`; return its signature and its bytes without that."""
    try:
        text = part.decode()
    except UnicodeDecodeError:
        raise errors.Refused(-1100, "Illegal characters found in a parameter.") from None
    pairs = text.split("&")
    if len(pairs) > PARAM_LIMIT:
        told = f"Too many parameters; expected '{PARAM_LIMIT}' and received '{len(pairs)}'."
        raise errors.Refused(-1101, told)
    plain = "%" not in text and "+" not in text
    signature: str | None = None
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not plain:
            name, value = _decoded(name), _decoded(value)
        if name == "signature":
            # Base64 that was not percent-encoded: its plus signs have just become blanks.
            signature = value.replace(" ", "+")
        elif name in fields:
            raise errors.Refused(-1101, "Duplicate values for a parameter detected.")
        elif pair:
            fields[name] = value
    if signature is None:
        return None, part
    kept = [pair for pair in pairs if not pair.startswith("signature=")]
    return signature, "&".join(kept).encode()


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise errors.Refused(-1100, "Illegal characters found in a parameter.") from None
