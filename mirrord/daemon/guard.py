"""What guards the metrics of a running daemon: a token and a certificate, which a reload takes anew."""

import ipaddress
import ssl
from collections.abc import Sequence

import trio

from mirrord.config import Config
from mirrord.http.server import Listeners
from mirrord.metrics.access import Access, load_tls, load_token, make_tls_context


class MetricsGuard:
    """The token and the TLS context, as the configuration names their files."""

    def __init__(self) -> None:
        self.access = Access()
        self._context: ssl.SSLContext | None = None

    def load(self, config: Config) -> None:
        """Read the files, again where they were read before; raise ConfigError where they are not fit.  Blocking.

        New connections get the new certificate.  Whether there is HTTPS at all is settled at the start.
        """
        token = load_token(config.metrics_token_file) if config.metrics_token_file is not None else ""
        if config.metrics_tls is not None:
            if self._context is None:
                self._context = make_tls_context(*config.metrics_tls)
            else:
                make_tls_context(*config.metrics_tls)  # what half loaded into a context leaves it without a key
                load_tls(self._context, *config.metrics_tls)
        self.access.token = token

    def listeners(self, listeners: Sequence[trio.SocketListener]) -> Listeners:
        """Return listeners that speak TLS where there is a certificate, and note whether they are on loopback."""
        hosts = [listener.socket.getsockname()[0] for listener in listeners]
        self.access.is_local = all(ipaddress.ip_address(host.partition("%")[0]).is_loopback for host in hosts)
        if self._context is None:
            return listeners
        context = self._context
        return [trio.SSLListener(listener, context, https_compatible=True) for listener in listeners]
