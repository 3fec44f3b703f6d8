"""The values that say where something is: URLs, addresses to listen on, files, folders and buckets."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ValidationInfo

from exporter.config.errors import Origin
from exporter.config.scalars import Kind, plain_text

URL = Kind("URL", "a URL such as https://host:port", "`http://` or `https://`, a host, and a port if it is not the usual one.")


def parse_url(value: object) -> str:
    """An http or https URL with a host. ValueError says what was expected."""
    text = plain_text(value, URL)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in text
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(URL.expected)
    return text


Url = Annotated[str, URL, BeforeValidator(parse_url)]

ADDRESS = Kind(
    "address",
    "an address such as 127.0.0.1:10821, :10821 or [::1]:10821",
    "`host:port`, `:port` for every interface, `[::1]:port` for IPv6. Port 0 takes any free port.",
)


def host_port(address: str) -> tuple[str, int]:
    """The host (no brackets; empty for every interface) and the port of a listen address. ValueError says what was expected."""
    found = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>\d{1,5})", address)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(ADDRESS.expected)
    host = found["six"] or found["host"]
    try:
        if found["six"]:
            ipaddress.IPv6Address(host)
        elif re.fullmatch(r"[\d.]+", host):
            ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(ADDRESS.expected) from None
    if host.startswith((".", "-")):
        raise ValueError(ADDRESS.expected)
    return host, int(found["port"])


def parse_address(value: object) -> str:
    """A listen address, checked and kept as text. ValueError says what was expected."""
    text = plain_text(value, ADDRESS)
    host_port(text)
    return text


ListenAddress = Annotated[str, ADDRESS, BeforeValidator(parse_address)]

FILE = Kind("path", "a path", "Relative paths count from the folder of the config file; `~` is the home folder.")


def _resolve(text: str, info: ValidationInfo, kind: Kind) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{kind.expected} whose ~ is the home of a user on this machine") from None
    return Path(os.path.normpath(info.context.folder / path)) if isinstance(info.context, Origin) else path


def parse_path(value: object, info: ValidationInfo) -> Path:
    """An absolute path, when the validation context says where relative ones start. ValueError says what was expected."""
    return _resolve(plain_text(os.fspath(value) if isinstance(value, Path) else value, FILE), info, FILE)


FilePath = Annotated[Path, FILE, BeforeValidator(parse_path)]

S3 = Kind("S3 location", "s3://bucket/prefix/", "`s3://bucket/prefix/`; the last `/` may be left out.")
LOCATION = Kind("location", "a folder or s3://bucket/prefix/", "A folder (as a path) or `s3://bucket/prefix/`.")


def parse_s3(value: object) -> str:
    """`s3://bucket/prefix/`, always with the last slash; bucket names by the rules of S3. ValueError says what was expected."""
    found = re.fullmatch(r"s3://([^/]*)/?(.*)", plain_text(value, S3))
    if found is None:
        raise ValueError(S3.expected)
    bucket, prefix = found.groups()
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if not re.fullmatch(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]", bucket) or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", bucket):
        raise ValueError("s3:// with a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens")
    return f"s3://{bucket}/" if not prefix else f"s3://{bucket}/{prefix.removesuffix('/')}/"


def parse_location(value: object, info: ValidationInfo) -> str:
    """An absolute folder, or an S3 location with its last slash. ValueError says what was expected."""
    text = plain_text(os.fspath(value) if isinstance(value, Path) else value, LOCATION)
    if text.rstrip("/").rpartition("/")[2] == "AWSLogs":
        raise ValueError("the folder or prefix above AWSLogs/")
    if text.startswith("s3://"):
        return parse_s3(text)
    if "://" in text or text.startswith("arn:"):
        raise ValueError(LOCATION.expected)
    return str(_resolve(text, info, LOCATION))


S3Location = Annotated[str, S3, BeforeValidator(parse_s3)]
Location = Annotated[str, LOCATION, BeforeValidator(parse_location)]
