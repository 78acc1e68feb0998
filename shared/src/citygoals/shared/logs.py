"""One JSON line an event on stderr; secrets never, whoever tries to log one."""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_WORDS = ("password", "secret", "token", "authorization", "dsn", "bearer", "api_key", "cookie")
_LIBRARIES_AT_WARNING = ("httpx", "httpcore", "uvicorn.access", "nats", "faststream", "opentelemetry")


def configure_logs(service: str, level: str) -> None:
    """Send structlog's and the standard library's records to stderr as JSON lines, from `level` upwards."""
    number = logging.getLevelName(level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_service(service),
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in _LIBRARIES_AT_WARNING:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def redact(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Replace the value of every field whose name sounds like a secret."""
    for name in line:
        if any(word in name.lower() for word in _SECRET_WORDS):
            line[name] = "***"
    return line


def _name_service(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        line["service"] = service
        return line

    return add


def _dumps(line: EventDict, **_: Any) -> str:
    return orjson.dumps(line, default=repr).decode()
