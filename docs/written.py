"""What the generators of pages share: a page is written, or with ``--check`` compared."""

from pathlib import Path


def write(page: Path, text: str, arguments: list[str]) -> int:
    """Writes the page, or compares it with ``--check``; the exit code."""
    if "--check" in arguments:
        return 0 if page.is_file() and page.read_text(encoding="utf-8") == text else 1
    page.write_text(text, encoding="utf-8")
    return 0
