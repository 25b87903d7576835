"""Hooks of the documentation site: the pages at the root of the repository, and links that lead out of docs/.

Links are written as GitHub shows them. On the site a link to a file that is not a page leads to the repository, which
the environment variable SITE_REPOSITORY names (https://github.com/OWNER/NAME); without it the text is left.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = {
    "README.md": "index.md",
    "README.es.md": "es/index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
_SOURCES = {page: source for source, page in _PAGES.items()}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are at the root of the repository."""
    for source, page in _PAGES.items():
        files.append(File.generated(config, page, content=(_ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let each link lead to a page of the site or to the repository."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")
    repository = os.environ.get("SITE_REPOSITORY", "")

    def moved(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        place, _, anchor = target.partition("#")
        if not place or "://" in place:
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), place))
        name = _PAGES.get(path, path.removeprefix("docs/"))
        if path in _PAGES or (path.startswith("docs/") and files.get_file_from_path(name)):
            to = posixpath.relpath(name, posixpath.dirname(here) or ".")
            return f"{picture}[{text}]({to}{'#' if anchor else ''}{anchor})"
        return f"[{text}]({repository}/blob/main/{path})" if repository else text

    return _LINK.sub(moved, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Say of a Spanish page that it is Spanish."""
    spanish = page.file.src_uri.startswith("es/") or page.file.src_uri.endswith(".es.md")
    return output.replace('<html lang="en"', '<html lang="es"', 1) if spanish else output
