"""`page(title, body)`: one HTML document with everything inside it, readable without a network and without a script."""

from tracegraph.report.markup import Markup, element, joined
from tracegraph.report.theme import script, style

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""Nothing may be loaded, whatever a report holds."""


def page(title: str, *body: Markup | None) -> str:
    """The document."""
    head = joined(
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        element("title", title),
        element("style", Markup(style())),
    )
    content = joined(element("main", *body), element("script", Markup(script())))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{content}</body></html>\n'


def tabs(name: str, panels: list[tuple[str, Markup]]) -> Markup:
    """Panels of which one is shown, chosen by labels above them; the first is shown at the beginning."""
    inputs, shown, rules = [], [], []
    for number, (label, content) in enumerate(panels):
        key = f"{name}-{number}"
        checked = " checked" if number == 0 else ""
        inputs.append(Markup(f'<input type="radio" name="{name}" id="{key}"{checked}>'))
        inputs.append(element("label", label, for_=key))
        shown.append(element("div", content, class_=f"panel {key}"))
        rules.append(f"#{key}:checked~.{key}{{display:block}}")
    return joined(element("style", Markup("".join(rules))), element("div", inputs, shown, class_="tabs"))


def drawing(svg: str, *legend: Markup, graph: bool = False) -> Markup:
    """A drawing that can be zoomed and dragged, with a legend above it."""
    buttons = [("out", "−", "smaller"), ("in", "+", "larger"), ("one", "1:1", "true size"), ("fit", "fit", "all of it")]
    zoom = element(
        "span", [element("button", sign, value=value, title=title) for value, sign, title in buttons], class_="zoom"
    )
    return joined(
        element("div", *legend, zoom, class_="legend"),
        element("div", Markup(svg), class_="view graph" if graph else "view"),
    )
