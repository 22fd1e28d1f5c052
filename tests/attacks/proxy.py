"""The shipped nginx configuration, run as it is but for ports, names, paths and certificate.

What it would buffer to its disk it cannot: once it runs, nobody may write into its folders for that. Every request
whose body or answer went there would fail.
"""

import asyncio
import ipaddress
import os
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.attacks.killing import PATIENCE_SECONDS, POLL_SECONDS, ROOT, free_port
from tests.programs import found

SHIPPED: Final = ROOT / "deploy" / "nginx.conf"
NAME: Final = "localhost"
BUFFERS: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Proxy:
    """One nginx before the platform at `platform_port`."""

    def __init__(self, folder: Path, platform_port: int, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.plain_port = free_port()
        self._platform_port = platform_port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def origin(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def logs(self) -> dict[str, str]:
        """Name to text of every file it has written."""
        return {path.name: path.read_text("utf-8") for path in (self.folder / "logs").iterdir()}

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))

    async def start(self, changed: dict[str, str] | None = None) -> None:
        """`changed` replaces further text of the configuration, for controls."""
        (self.folder / "logs").mkdir(parents=True)
        self.folder.chmod(0o711)
        certify(self.folder)
        text = SHIPPED.read_text("utf-8")
        for old, new in (self._places() | (changed or {})).items():
            assert old in text, f"no longer in the configuration: {old}"
            text = text.replace(old, new)
        # Not every machine has IPv6.
        lines = [line for line in text.splitlines(keepends=True) if "listen [::]" not in line]
        configuration = self.folder / "nginx.conf"
        configuration.write_text("".join(lines), "utf-8")
        self._process = await asyncio.create_subprocess_exec(
            found("nginx"), "-p", str(self.folder), "-c", str(configuration), "-e", str(self.folder / "logs/start"),
            "-g", "daemon off;",
            stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        await self._await_listening()
        for name in BUFFERS:
            path = self.folder / name
            if os.geteuid() == 0:
                os.chown(path, 0, 0)
            path.chmod(0o500)

    async def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def _places(self) -> dict[str, str]:
        buffers = "".join(f"{name}_temp_path {self.folder / name};\n    " for name in BUFFERS)
        return {
            "motlan.example.vn": NAME,
            "/run/nginx.pid": str(self.folder / "nginx.pid"),
            "/var/log/nginx/": f"{self.folder}/logs/",
            "/etc/nginx/motlan/fullchain.pem": str(self.folder / "cert.pem"),
            "/etc/nginx/motlan/privkey.pem": str(self.folder / "key.pem"),
            "127.0.0.1:8000;": f"127.0.0.1:{self._platform_port};",
            "listen 443 ": f"listen 0.0.0.0:{self.port} ",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "server_tokens off;": f"server_tokens off;\n    {buffers}",
        }

    async def _await_listening(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert self._process.returncode is None, self.logs
                with suppress(OSError):
                    for port in (self.plain_port, self.port):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        await writer.wait_closed()
                    return
                await asyncio.sleep(POLL_SECONDS)


def browse(proxy: Proxy, address: str = "127.0.0.1") -> httpx2.AsyncClient:
    """A client that trusts this proxy's certificate and comes from one of the addresses of this machine."""
    transport = httpx2.AsyncHTTPTransport(verify=proxy.trust, local_address=address)
    return httpx2.AsyncClient(transport=transport, mounts={}, trust_env=False, timeout=60.0)


def certify(folder: Path) -> None:
    """A certificate of its own making, for this machine's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    (folder / "key.pem").chmod(0o600)
