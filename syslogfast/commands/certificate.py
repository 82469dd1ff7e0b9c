"""TLS for `syslogfast listen`: with a certificate that is given, or one made on the spot."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

from syslogfast._options import is_address
from syslogfast.commands.sockets import UnboundError

FOLDER = "syslogfast-"  # what the name of a folder with a certificate begins with
DAYS = "30"
HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
COMMAND_TIMEOUT = 60  # seconds that openssl may take
WITHOUT_OPENSSL = (
    "--cert must be given, with --key, where there is no command openssl to make a certificate:"
    " install it, or give those of a server"
)
# For a client that is strict (VERIFY_X509_STRICT, RFC 5280) it has to say what it is for; it is its
# own authority, and so ca= of the sender's URL names this very file.
CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
x509_extensions = extensions
[name]
CN = {name}
[extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


class Certificate:
    """The context of all TLS connections, and the folder of a certificate that was made for it."""

    def __init__(self, hosts: list[str], cert: str | None, key: str | None) -> None:
        self.folder: str | None = None
        self.path = cert
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if cert is None:
            self._make(hosts)
            return
        try:
            self.context.load_cert_chain(cert, key)
        except (OSError, ValueError) as error:
            what = f"--cert {cert}" if key is None else f"--cert {cert} and --key {key}"
            rule = "be a certificate and its private key, in PEM"
            raise UnboundError(f"{what} must {rule}: {describe_failure(error)}") from None

    def _make(self, hosts: list[str]) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise UnboundError(WITHOUT_OPENSSL)
        self.folder = tempfile.mkdtemp(prefix=FOLDER)
        self.path = os.path.join(self.folder, "certificate.pem")
        key = os.path.join(self.folder, "key.pem")
        configuration = os.path.join(self.folder, "configuration")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(name="syslogfast listen", names=name_hosts(hosts)))
        command = [
            *(openssl, "req", "-x509", "-new", "-nodes", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-days", DAYS, "-config", configuration),
            *("-keyout", key, "-out", self.path),
        ]
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=COMMAND_TIMEOUT,
            )
            self.context.load_cert_chain(self.path, key)
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or b"").decode(errors="replace").split("\n")
            self.remove()
            reason = next((line for line in said if "rror" in line), str(error))
            raise UnboundError(f"{openssl} cannot make a certificate: {reason}") from None
        os.unlink(key)  # nobody else needs it
        os.unlink(configuration)

    def remove(self) -> None:
        """Remove what was made."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def describe_failure(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def name_hosts(hosts: list[str]) -> str:
    """Return the names and addresses that senders may know this host by, as OpenSSL has them."""
    names = {"localhost", socket.gethostname(), *hosts}
    shown = {"IP:127.0.0.1": None, "IP:::1": None}
    for name in sorted(names):
        address = name.partition("%")[0]  # without the zone of IPv6
        if is_address(address):
            shown[f"IP:{address}"] = None
        elif HOST_NAME.fullmatch(name):
            shown[f"DNS:{name}"] = None
    return ",".join(shown)
