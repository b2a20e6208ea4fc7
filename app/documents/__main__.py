"""`python -m app.documents`: write docs/openapi.json, docs/asyncapi.json and the tables inside docs/*.md."""

from app.documents.pages import DOCS, documents


def main() -> None:
    """Write what has changed, and say so."""
    for name, text in documents().items():
        file = DOCS / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"docs/{name}")


if __name__ == "__main__":
    main()
