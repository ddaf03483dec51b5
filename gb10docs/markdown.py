"""The Python-Markdown extension under the name that `mkdocs.yml` gives it; `gb10docs.site.markdown` holds it."""

from gb10docs.site.markdown import makeExtension as makeExtension
