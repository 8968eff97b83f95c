"""The page for people at /docs: the OpenAPI document as one HTML text without anything to load."""

from html import escape
from typing import Any

Told = dict[str, Any]
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;color:#1c2733;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dce3}
section{margin:1.5rem 0}
h3{font:600 15px/1.5 ui-monospace,monospace;margin:0}
h3 b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%;margin-top:.4rem}
td,th{border-bottom:1px solid #e6ebf0;padding:.25rem .6rem;text-align:left;vertical-align:top}
code{font:13px ui-monospace,monospace}
.note{color:#5a6b7b}
@media(prefers-color-scheme:dark){body{background:#12171c;color:#d8e0e8}
h2,td,th{border-color:#2b3641}.note{color:#8fa0b0}a{color:#7db7ff}}
"""


def page(document: Told) -> str:
    """Write the page."""
    groups = "".join(_group(document, tag["name"]) for tag in document["tags"])
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} "
        'For programs: <a href="/api/v3/openapi.json">openapi.json</a>.</p>'
        f"{groups}</body></html>"
    )


def _group(document: Told, name: str) -> str:
    entries = [
        _entry(path, verb, one)
        for path, verbs in document["paths"].items()
        for verb, one in verbs.items()
        if name in one["tags"]
    ]
    return f"<h2>{escape(name)}</h2>{''.join(entries)}"


def _entry(path: str, verb: str, one: Told) -> str:
    needs = "signed" if any(p["name"] == "signature" for p in one["parameters"]) else "public"
    if needs == "public" and "security" in one:
        needs = "key only"
    rows = "".join(_row(param) for param in one["parameters"])
    table = f"<table><tr><th>parameter<th><th>form</tr>{rows}</table>" if rows else ""
    return (
        f'<section id="{escape(one["operationId"])}"><h3><b>{verb.upper()}</b>{escape(path)}</h3>'
        f"<div>{escape(one['summary'])}</div>"
        f'<div class="note">{needs} · weight {escape(str(one["x-weight"]))} · '
        f"<code>{escape(one['x-method'])}</code></div>{table}</section>"
    )


def _row(param: Told) -> str:
    schema = param.get("schema") or param["content"]["application/json"]["schema"]
    must = "required" if param["required"] else ""
    return f"<tr><td><code>{escape(param['name'])}</code><td>{must}<td>{escape(_form(schema))}</tr>"


def _form(schema: Told) -> str:
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    return " ".join([schema.get("type", ""), *bounds])


_BOUNDS = {"minimum": "from", "maximum": "to", "maxItems": "of at most", "pattern": "like"}
