"""A whole page of HTML: no script, nothing loaded, readable from a file or an attachment.

Its policy (a `meta` tag) allows its own style sheet, known by its hash, and nothing else, so that
text from a plan could not act even if it were not escaped.
"""

import base64
import hashlib
from html import escape
from typing import Final

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def html_page(title: str, style: str, body: str) -> str:
    """The page around this body, which is HTML; the title is text."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _PAGE.format(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'",
        title=escape(title),
        style=style,
        body=body,
    )
