"""Sphinx reads the Markdown of this folder: GitHub's kind, as markdown-it-py parses it, nothing beside it.

What Markdown here holds becomes docutils' nodes; a token of another kind is an error that names file and line, and so
is a link to a page or heading that is not there. Anchors of headings are GitHub's. The package myst-parser does this
and much more; with it in ``requirements-docs.lock``, ``extensions = ["myst_parser"]`` takes this file's place.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from docutils import nodes
from markdown_it import MarkdownIt
from markdown_it.token import Token
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.parsers import Parser
from sphinx.util import logging

logger = logging.getLogger(__name__)
LINKS = "markdown_links"
"""Attribute of the environment: page -> (line, page it links to, anchor) of each of its links."""

SIMPLE: dict[str, Callable[[], nodes.Element]] = {
    "paragraph": nodes.paragraph,
    "bullet_list": nodes.bullet_list,
    "ordered_list": nodes.enumerated_list,
    "list_item": nodes.list_item,
    "blockquote": nodes.block_quote,
    "strong": nodes.strong,
    "em": nodes.emphasis,
    "tr": nodes.row,
    "thead": nodes.thead,
    "tbody": nodes.tbody,
}
"""Kind of an element -> what stands for it."""
ALIGNED = {"number": "right", "center": "center"}
"""Class of a table's cell -> the side that its words keep to."""


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


class MarkdownParser(Parser):
    """Reads a page of Markdown into a docutils document."""

    supported: ClassVar = ("md", "markdown")

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fill the document. Raises SphinxError, naming page and line, for what is none of the Markdown read here."""
        self.setup_parse(inputstring, document)
        env = document.settings.env
        self.page: str = env.docname
        self.links: list[tuple[int, str, str]] = []
        self.slugs: Counter[str] = Counter()
        self.line = 1
        self.sections: list[nodes.Element] = [document]
        tokens = MarkdownIt("commonmark").enable("table").parse(inputstring)
        self._read(iter(tokens), document)
        vars(env).setdefault(LINKS, {})[self.page] = self.links
        self.finish_parse()

    def _read(self, tokens: Iterator[Token], parent: nodes.Element) -> None:
        """Add what the tokens stand for to ``parent``, up to the end of the element that they are in."""
        for token in tokens:
            if token.map:
                self.line = token.map[0] + 1
            if token.nesting < 0:
                return
            kind = token.type.removesuffix("_open")
            place = self.sections[-1] if isinstance(parent, nodes.document) else parent
            if kind == "heading":
                self._heading(token, next(tokens))
                next(tokens)
            elif kind == "table":
                self._table(tokens, place)
            elif kind == "link":
                self._read(tokens, self._link(str(token.attrs["href"]), place))
            elif kind in SIMPLE:
                made = SIMPLE[kind]()
                made.line = self.line
                made.attributes |= token.attrs  # a list's first number
                place += made
                self._read(tokens, made)
            elif kind in ("th", "td"):
                self._read(tokens, self._cell(token, place))
            elif kind == "inline":
                self._read(iter(token.children or []), place)
            else:
                place += self._leaf(token)

    def _leaf(self, token: Token) -> nodes.Node:
        """What has nothing inside it."""
        if token.type == "text":
            return nodes.Text(token.content)
        if token.type == "softbreak":
            return nodes.Text("\n")
        if token.type == "code_inline":
            return nodes.literal("", token.content)
        if token.type in ("fence", "code_block"):
            code = token.content.rstrip("\n")  # Sphinx highlights a block whose source is its text
            return nodes.literal_block(code, code, language=token.info.strip() or "text")
        if token.type == "image":
            return nodes.image(uri=str(token.attrs["src"]), alt=token.content)
        if token.type == "hr":
            return nodes.transition()
        raise self._unread(token)

    def _unread(self, token: Token) -> SphinxError:
        where = " inside a list or quotation" if token.type == "heading_open" else ""
        return SphinxError(
            f"{self.page}.md, line {self.line}: Markdown of the kind {token.type!r}{where} is not read here "
            f"({token.content[:60]!r}): write it otherwise, or teach docs/markdown_pages.py"
        )

    def _heading(self, token: Token, inline: Token) -> None:
        """Open a section below the last one of a smaller level. Raises SphinxError inside a list or quotation."""
        if token.level:
            raise self._unread(token)
        del self.sections[int(token.tag[1]) :]
        words = "".join(child.content for child in inline.children or [])
        anchor = slug(words)
        self.slugs[anchor] += 1
        anchor += f"-{self.slugs[anchor] - 1}" if self.slugs[anchor] > 1 else ""
        section = nodes.section(ids=[anchor], names=[nodes.fully_normalize_name(f"{self.page} {anchor}")])
        title = nodes.title()
        section += title
        self._read(iter(inline.children or []), title)
        self.sections[-1] += section
        self.sections.append(section)

    def _table(self, tokens: Iterator[Token], place: nodes.Element) -> None:
        group = nodes.tgroup()
        self._read(tokens, group)
        head = group[0][0]
        group["cols"] = len(head)
        for _ in head:
            group.insert(0, nodes.colspec(colwidth=1))
        place += nodes.table("", group)

    def _cell(self, token: Token, row: nodes.Element) -> nodes.Element:
        """The node that a cell's words stand in."""
        style = str(token.attrs.get("style", ""))
        text = nodes.paragraph()
        row += nodes.entry("", text, classes=[name for name, side in ALIGNED.items() if side in style])
        return text

    def _link(self, href: str, place: nodes.Element) -> nodes.Element:
        """The node that a link's words stand in: a plain one where it leads to a file that is no page here."""
        page, _, anchor = href.partition("#")
        if re.match(r"[a-z]+:", href):
            made: nodes.Element = nodes.reference(refuri=href, internal=False)
        elif page and (not page.endswith(".md") or "/" in page):
            made = nodes.inline()
        else:
            name = page.removesuffix(".md") or self.page
            self.links.append((self.line, name, anchor))
            made = nodes.reference(refuri=f"{name}.html" + (f"#{anchor}" if anchor else ""), internal=True)
        place += made
        return made


def check_links(app: Sphinx, env: BuildEnvironment) -> None:  # noqa: ARG001
    """Warn of every link that leads to no page or heading."""
    known: dict[str, set[str]] = {}
    for page, links in vars(env).get(LINKS, {}).items():
        for line, name, anchor in links:
            if name not in env.found_docs:
                logger.warning("line %d: there is no page %s.md", line, name, location=page)
                continue
            if name not in known:
                sections = env.get_doctree(name).findall(nodes.section)
                known[name] = {anchor for section in sections for anchor in section["ids"]}
            if anchor and anchor not in known[name]:
                logger.warning("line %d: %s.md has no heading #%s", line, name, anchor, location=page)


def forget(app: Sphinx, env: BuildEnvironment, page: str) -> None:  # noqa: ARG001
    """A page is read anew."""
    vars(env).get(LINKS, {}).pop(page, None)


def setup(app: Sphinx) -> dict[str, Any]:
    """Let Sphinx read ``.md`` files."""
    app.add_source_suffix(".md", "markdown")
    app.add_source_parser(MarkdownParser)
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", check_links)
    return {"version": "1", "parallel_read_safe": False}
