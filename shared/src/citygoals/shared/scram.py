"""PostgreSQL's stored form of a SCRAM-SHA-256 password, made on this side so that no password travels. Pure."""

import hashlib
import hmac
import secrets
from base64 import b64encode

ITERATIONS = 4096  # PostgreSQL's own default


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return the `SCRAM-SHA-256$...` text that ALTER ROLE ... PASSWORD accepts; a random 16-byte salt by default."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(_mac(salted, b'Server Key'))}"


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return b64encode(data).decode()
