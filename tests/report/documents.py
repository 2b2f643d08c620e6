"""Reads HTML as a browser would, as far as tests ask: text, elements, what would be loaded."""

from html.parser import HTMLParser

LOADING = {"src", "href", "data", "poster", "srcset", "action", "background"}
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Document(HTMLParser):
    """Elements with their attributes, the text, and mistakes in nesting."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.mistakes: list[str] = []
        self.text = ""
        self.titles: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.mistakes += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.mistakes.append(f"</{tag}> closes something else, in line {self.getpos()[0]}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("style", "script"):
            return
        if self._open and self._open[-1] == "title":
            self.titles.append(data)
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def loads(self) -> list[str]:
        """Everything that a browser would fetch or go to."""
        return [
            f"{tag} {name}={value}"
            for tag, attributes in self.elements
            for name, value in attributes.items()
            if name in LOADING and value is not None and not value.startswith(("#", "data:"))
        ]
