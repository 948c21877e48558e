"""Who may read the metrics, and by which certificate a reader knows the daemon.

With a token, whoever has it.  Without one, whoever reaches the socket, but for a web page of somebody else's that got
a browser of this machine to ask for it: its name resolves to loopback ("DNS rebinding"), and the browser says so in
the ``Host`` header.
"""

import base64
import binascii
import hmac
import ipaddress
import ssl
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mirrord.core.errors import ConfigError
from mirrord.http.messages import Request, Response

_TOKEN_MAX_BYTES: Final = 4_096
_CHALLENGE: Final = 'Bearer realm="mirrord", Basic realm="mirrord", charset="UTF-8"'
"""A browser knows the second: it asks for a name, which does not matter, and a password, which is the token."""


class Access:
    """The guard of what is not for everybody.

    ``token`` may change while it runs; empty, there is none.  ``is_local``: only this machine is listened to.
    """

    def __init__(self, token: str = "", is_local: bool = False) -> None:
        self.token = token
        self.is_local = is_local

    def refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that may not pass, None where it may."""
        if not self.token:
            if self.is_local and not is_loopback(request.headers.get("host", "")):
                return Response(421, b"ask for 127.0.0.1 or localhost, or set metrics_token_file\n")
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        offered = _password(given) if scheme.lower() == "basic" else given.encode()
        is_known = scheme.lower() in ("bearer", "basic")
        if is_known and hmac.compare_digest(offered.strip(), self.token.encode()):
            return None
        return Response(401, b"a bearer token is asked for\n", headers={"www-authenticate": _CHALLENGE})


def _password(credentials: str) -> bytes:
    try:
        _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b""
    return password


def is_loopback(authority: str) -> bool:
    """Whether a ``Host`` header names this machine by what nobody else can have resolve to it."""
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_token(path: Path) -> str:
    """Return the token in a file; raise :class:`ConfigError` where it cannot be one.  Blocking."""
    hint = f"write one, for this daemon's user alone: openssl rand -hex 32 > {path}; chmod 600 {path}"
    try:
        status = path.stat()
        data = path.read_bytes()[: _TOKEN_MAX_BYTES + 1]
    except OSError as error:
        raise ConfigError(f"metrics_token_file: {path}: {error.strerror}", hint) from None
    others = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    # A credential of systemd 254 and later is root:root 0440, with an access list that names the service's user.
    is_credential = others == stat.S_IRGRP and status.st_uid == status.st_gid == 0
    if others and not is_credential:
        raise ConfigError(f"metrics_token_file: {path} may be read by others", f"chmod 600 {path}")
    token = data.strip()
    if not token or len(data) > _TOKEN_MAX_BYTES or any(byte <= 0x20 or byte >= 0x7F for byte in token):
        raise ConfigError(f"metrics_token_file: {path} does not hold one line of visible ASCII", hint)
    return token.decode("ascii")


def make_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves HTTPS by these PEM files; raise :class:`ConfigError` where they are not fit.  Blocking."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_tls(context, certificate, key)
    return context


def load_tls(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Take the files over into a context that may be serving already.  Blocking."""
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        message = f"metrics_tls_certificate {certificate} and metrics_tls_key {key}: {error.reason or error}"
        raise ConfigError(message, "both are PEM files, the key is the certificate's and has no passphrase") from None
    except OSError as error:
        path = next((p for p in (certificate, key) if not p.is_file()), key)
        raise ConfigError(f"metrics_tls: {path}: {error.strerror}", "may this daemon's user read it?") from None


def _no_password() -> str:
    """Answer for an encrypted key, for which OpenSSL would ask on the terminal."""
    return ""
