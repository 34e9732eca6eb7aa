"""What a browser sees where it may not go yet: where to sign in, or that the service has to be set up first."""

from html import escape

from fastapi.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="es"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{head}
<title>Almenara</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}
a{{display:inline-block;min-height:44px}}@media(prefers-color-scheme:dark){{body{{background:#111;color:#eee}}
a{{color:#9cf}}}}</style></head><body><main><h1>Almenara</h1><p>{es}</p><p lang="en">{en}</p></main></body></html>
"""


def _page(status: int, es: str, en: str, head: str = "") -> HTMLResponse:
    return HTMLResponse(_PAGE.format(es=es, en=en, head=head), status, {"Cache-Control": "no-store"})


def sign_in_page() -> HTMLResponse:
    """The body of a 401."""
    return _page(
        401,
        'Para ver esta página hay que <a href="/console/">iniciar sesión</a>.',
        'To see this page, <a href="/console/">sign in</a>.',
    )


def setup_page() -> HTMLResponse:
    """The body of a 401 while there is no administrator."""
    return _page(
        401,
        'El servicio aún no tiene administrador: <a href="/console/">configúrelo</a> con el código que imprimió al '
        "arrancar.",
        'The service has no administrator yet: <a href="/console/">set it up</a> with the code that it printed when '
        "it started.",
    )


def arrived_page() -> HTMLResponse:
    """After another site signed somebody in: a step of our own, or the browser would keep the new cookie back."""
    return _page(
        200,
        '<a href="/console/">Continuar</a>',
        '<a href="/console/">Continue</a>',
        '<meta http-equiv="refresh" content="0;url=/console/">',
    )


def refused_page(detail: str) -> HTMLResponse:
    """When the identity provider's answer does not let them in."""
    text = escape(detail)
    again = '<a href="/console/">{}</a>'
    return _page(403, f"{text} {again.format('Volver')}", f"{text} {again.format('Back')}")
