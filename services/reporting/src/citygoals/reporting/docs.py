"""`/docs`: the API's description as one plain page, made from /openapi.json; no script, and nothing from elsewhere."""

from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "code{font-size:.95em}h2{margin-top:2rem}dt{margin-top:.4rem}dd{margin-left:1.5rem;color:#444}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def install_docs(app: FastAPI) -> None:
    """Add the page."""

    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(render(app.openapi()), headers={"Content-Security-Policy": POLICY})

    app.add_route("/docs", docs, include_in_schema=False)


def render(description: dict[str, Any]) -> str:
    """Return the page of an OpenAPI description."""
    title = escape(description["info"]["title"])
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>"
        f'<p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>{operations}</main></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<dt><code>{escape(one['name'])}</code> ({escape(one['in'])}{', required' if one.get('required') else ''})</dt>"
        f"<dd>{escape(one.get('description', ''))}</dd>"
        for one in operation.get("parameters", ())
    )
    heading = f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}</p>"
    return f"{heading}<dl>{parameters}</dl>"
