"""Moments, as people and as machines read them."""

import time

from mirrord.page.markup import Markup, tag


def moment(unix_seconds: float, form: str = "%Y-%m-%d %H:%M UTC") -> Markup:
    """Return a moment; programs find it to the second, people as ``form`` says, in UTC."""
    at = time.gmtime(unix_seconds)
    return tag("time", time.strftime(form, at), datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", at))
