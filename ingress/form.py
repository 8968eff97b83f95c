"""Read the parameters of a REST request from its raw bytes (API sections 1 and 2).

A request's parameters come in the query string, in a form body, or in both; a body is a form
whatever its content type says. The signature covers the bytes as they were sent, so they are kept:
query (without its `signature` pair), immediately followed by the body (without its).
"""

from dataclasses import dataclass
from urllib.parse import unquote

from falcon.uri import parse_query_string

from ingress import errors

_LONG = 256
_ESCAPES = tuple((f"%{ord(character):02X}", character) for character in '"{}[]:, ')
PARAM_LIMIT = 100
"""More parameters than any request has; a longer form is refused before it is looked at closely."""


@dataclass(slots=True)
class Form:
    """The parameters of one request, decoded, and the bytes that its signature covers.

    `proved`: the holder of the key is known already (a WebSocket session), no signature is needed.
    """

    fields: dict[str, str]
    signature: str | None
    payload: bytes
    proved: bool = False


def read_form(query: bytes, body: bytes) -> Form:
    """Read query string and body; a parameter in both has the query string's value.

    Raises: Refused (-1100 not UTF-8, -1101 too many or sent twice).
    """
    fields: dict[str, str] = {}
    if not query and not body:
        return Form(fields, None, b"")
    if not body:
        signature, payload = _read_part(query, fields)
    else:
        signature, payload = _read_part(body, fields)
        if query:
            asked: dict[str, str] = {}
            from_query, head = _read_part(query, asked)
            fields.update(asked)
            signature = signature if from_query is None else from_query
            payload = head + payload
    if "signature" in fields:
        raise _twice()
    return Form(fields, signature, payload)


def _read_part(part: bytes, fields: dict[str, str]) -> tuple[str | None, bytes]:
    """Add the pairs of one part to `fields`; return its signature and its bytes without that."""
    # Clients sign last, so nearly always the signature is the end of the part.
    payload, found, signature = part.rpartition(b"&signature=")
    if not found or b"&" in signature or payload.startswith(b"signature="):
        return _read_unusual(part, fields)
    text = _text(payload)
    if "%" in text or "+" in text:
        _add_pairs(text.split("&"), fields, plain=False)
        return seal_in(_text(signature)), payload
    pairs = text.count("&") + 1
    found_pairs = parse_query_string(text, keep_blank=True, csv=False)
    if len(found_pairs) == pairs <= PARAM_LIMIT:
        # Falcon's compiled parser; as many names as pairs, so nothing was sent twice.
        fields.update(found_pairs)  # type: ignore[arg-type]
    else:
        _add_pairs(text.split("&"), fields, plain=True)
    return seal_in(_text(signature)), payload


def _read_unusual(part: bytes, fields: dict[str, str]) -> tuple[str | None, bytes]:
    """Do the same for a part whose signature is missing or not its end."""
    text = _text(part)
    pairs = text.split("&")
    kept = [pair for pair in pairs if not pair.startswith("signature=")]
    signatures = [pair for pair in pairs if pair.startswith("signature=")]
    if len(signatures) > 1:
        raise _twice()
    _add_pairs(kept, fields, plain="%" not in text and "+" not in text)
    if not signatures:
        return None, part
    return seal_in(signatures[0].partition("=")[2]), "&".join(kept).encode()


def _add_pairs(pairs: list[str], fields: dict[str, str], *, plain: bool) -> None:
    if len(pairs) > PARAM_LIMIT:
        told = f"Too many parameters; expected '{PARAM_LIMIT}' and received '{len(pairs)}'."
        raise errors.Refused(-1101, told)
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not plain:
            name, value = _decoded(name), _decoded(value)
        if name in fields:
            raise _twice()
        if name:
            fields[name] = value


def seal_in(signature: str) -> str:
    """Decode a signature; base64 that was not percent-encoded has its plus signs as they are."""
    return _decoded(signature.replace("+", "%2B")) if "%" in signature else signature


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise errors.Refused(-1100, "Illegal characters found in a parameter.") from None


def _twice() -> errors.Refused:
    return errors.Refused(-1101, "Duplicate values for a parameter detected.")


def _decoded(text: str) -> str:
    text = text.replace("+", " ")
    if len(text) > _LONG:
        # A batch of orders is JSON, a third of it escapes of these few characters: four times faster. None of
        # them is the percent sign, so no new escape comes of it.
        for escape, character in _ESCAPES:
            text = text.replace(escape, character)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise errors.Refused(-1100, "Illegal characters found in a parameter.") from None
