"""Certificates for the tests, right and wrong ones, made on the spot by the command `openssl`."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from typing import NamedTuple

CLIENT = "emitter.example"  # the name in the client's certificate, which collectors may ask for
RIGHT = "DNS:localhost,IP:127.0.0.1"


class Pair(NamedTuple):
    """A certificate and its private key, as PEM files."""

    certificate: pathlib.Path
    key: pathlib.Path


class Certificates(NamedTuple):
    """What `ca` has signed, and what must be refused. All of servers' are for name and address."""

    ca: pathlib.Path
    server: Pair  # for localhost and 127.0.0.1, as are those that are untrusted or expired
    client: Pair
    wrong_name: Pair  # its Common Name is right, which does not count (RFC 6125, 6.4.4)
    untrusted: Pair
    expired: Pair


def find_openssl() -> str | None:
    """Where the command is, None if this machine has none."""
    return shutil.which("openssl")


def make_certificates(directory: pathlib.Path) -> Certificates:
    """Make them all in `directory`, which takes a time; they last as long as the tests may."""
    trusted, stranger = (Authority(directory / name) for name in ("trusted", "stranger"))
    return Certificates(
        ca=trusted.pair.certificate,
        server=trusted.sign("server", RIGHT),
        client=trusted.sign("client", f"DNS:{CLIENT}", purpose="clientAuth"),
        wrong_name=trusted.sign("wrong-name", "DNS:other.example,IP:192.0.2.1"),
        untrusted=stranger.sign("server", RIGHT),
        expired=trusted.sign("expired", RIGHT, first="20200101000000Z", last="20200102000000Z"),
    )


class Authority:
    """A certificate authority of its own, with its files in `directory`."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir()
        (directory / "index").touch()
        (directory / "configuration").write_text(CONFIGURATION, encoding="ascii")
        self.pair = self._make_key(
            "ca", f"/CN=tests of syslogfast, {directory.name}", "-x509", "-extensions", "authority"
        )

    def sign(
        self,
        name: str,
        subject_names: str,
        *,
        purpose: str = "serverAuth",
        first: str = "20200101000000Z",
        last: str = "20491231235959Z",
    ) -> Pair:
        """Return a new pair, valid from `first` to `last` for these names of OpenSSL's form."""
        request = self._make_key(f"{name}-request", "/CN=localhost")
        extensions = self.directory / f"{name}-extensions"
        extensions.write_text(EXTENSIONS % (subject_names, purpose), encoding="ascii")
        certificate = self.directory / f"{name}.pem"
        self._run(
            *("ca", "-batch", "-notext", "-create_serial", "-startdate", first, "-enddate", last),
            *("-cert", self.pair.certificate, "-keyfile", self.pair.key, "-extfile", extensions),
            *("-in", request.certificate, "-out", certificate),
        )
        return Pair(certificate, request.key)

    def _make_key(self, name: str, subject: str, *options: str) -> Pair:
        """Return a new key and a request for a certificate; with -x509 it is one, for 30 days."""
        pair = Pair(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        self._run(
            *("req", "-new", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", subject, "-out", pair.certificate, "-keyout", pair.key, *options),
        )
        return pair

    def _run(self, command: str, *arguments: object) -> None:
        openssl = find_openssl()
        assert openssl is not None
        done = subprocess.run(
            [openssl, command, "-config", "configuration", *map(str, arguments)],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"openssl {command} failed:\n{done.stderr}")


# Python 3.13 is strict about what RFC 5280 asks for: the usages, and the key identifiers.
CONFIGURATION = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = signing
[signing]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
"""
EXTENSIONS = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = %s
extendedKeyUsage = %s
"""
