"""What the public page says, in Spanish and English: short sentences for people in a hurry."""

from typing import Literal

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Avisos a la población", "Public warnings"),
    "exercise": (
        "SIMULACRO. Esto es un ejercicio: no hay peligro real.",
        "EXERCISE. This is a drill: there is no real danger.",
    ),
    "test": ("PRUEBA. Mensajes de prueba: no hay peligro real.", "TEST. Test messages: there is no real danger."),
    "now": ("Avisos vigentes", "Warnings in force"),
    "none": ("No hay ningún aviso vigente.", "No warning is in force."),
    "none-heard": (
        "Todas las fuentes de datos responden. Los satélites ven los incendios con horas de retraso y no a través de "
        "las nubes: si ve humo o fuego, o siente un sismo fuerte, no espere un aviso.",
        "All data sources are answering. Satellites see fires hours late and not through cloud: if you see smoke or "
        "fire, or feel a strong earthquake, do not wait for a warning.",
    ),
    "none-unheard": (
        "Esto no significa que no haya peligro: no llegan datos de {n} de {all} fuentes. Si ve humo o fuego, o siente "
        "un sismo fuerte, no espere un aviso.",
        "This does not mean that there is no danger: {n} of {all} data sources bring no data. If you see smoke or "
        "fire, or feel a strong earthquake, do not wait for a warning.",
    ),
    "none-unfed": (
        "Esto no significa que no haya peligro: no hay ninguna fuente de datos conectada.",
        "This does not mean that there is no danger: no data source is connected.",
    ),
    "map": (
        "Mapa de las zonas avisadas, numeradas como en el texto",
        "Map of the warned areas, numbered as in the text",
    ),
    "do": ("Qué hacer", "What to do"),
    "where": ("Dónde", "Where"),
    "since": ("Desde", "Since"),
    "until": ("Vigente hasta", "In force until"),
    "sent": ("Enviado", "Sent"),
    "contact": ("Contacto", "Contact"),
    "more": ("Aviso completo", "Full warning"),
    "xml": ("El mensaje en CAP (XML)", "The message in CAP (XML)"),
    "updated": ("Actualizado", "Updated"),
    "feeds": ("Recibir los avisos", "Get the warnings"),
    "atom": ("Canal Atom", "Atom feed"),
    "rss": ("Canal RSS", "RSS feed"),
    "sources": ("Fuentes de datos", "Data sources"),
    "heard": ("responde", "answering"),
    "silent": ("en silencio", "silent"),
    "failing": ("falla", "failing"),
    "never": ("aún sin datos", "no data yet"),
    "last": ("última respuesta", "last answer"),
    "back": ("Todos los avisos vigentes", "All warnings in force"),
    "other": ("English", "Español"),
    "severity": ("Gravedad", "Severity"),
    "updated-state": (
        "Este aviso ya no vale: hay uno más reciente.",
        "This warning no longer holds: there is a newer one.",
    ),
    "cancelled-state": ("Este aviso fue cancelado.", "This warning was cancelled."),
    "expired-state": ("Este aviso ya venció.", "This warning has expired."),
    "ended-state": ("Este mensaje puso fin a un aviso.", "This message ended a warning."),
    "newest": ("Ver el mensaje más reciente", "See the newest message"),
    "missing": ("Aquí no hay ningún aviso con ese nombre.", "There is no warning of that name here."),
    "push": ("Recibir avisos en este dispositivo", "Get warnings on this device"),
    "push-on": ("Este dispositivo recibe los avisos. Dejar de recibirlos", "This device gets the warnings. Stop"),
    "push-denied": (
        "El navegador no permite notificaciones de esta página.",
        "The browser does not allow notifications from this page.",
    ),
    "push-failed": ("No se pudo. Inténtelo más tarde.", "That did not work. Try again later."),
}


def say(code: str, language: Language, **values: object) -> str:
    """A sentence in a language.

    >>> say("where", "es")
    'Dónde'
    """
    return TEXTS[code][LANGUAGES.index(language)].format(**values)


def preferred(accepted: str) -> Language:
    """The language that a browser would rather have (Accept-Language); Spanish where it says neither.

    >>> preferred("en-GB,en;q=0.8,es;q=0.5"), preferred("de, es;q=0.5, en;q=0.4"), preferred("fr")
    ('en', 'es', 'es')
    """
    best: tuple[float, Language] = (0.0, "es")
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        for language in LANGUAGES:
            if tag.lower().split("-")[0] == language:
                try:
                    quality = float(weight) if weight else 1.0
                except ValueError:
                    continue
                if quality > best[0]:
                    best = quality, language
    return best[1]
