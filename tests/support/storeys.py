"""The storeys of the package: a test holds the imports to them, another the page on them."""

# From the top down. A module may import from its own storey and from those below.
STOREYS = [
    ("__main__", "cli", "commands"),
    ("syslogfast", "_preload"),  # the public door: nothing below may use it
    ("lifecycle", "loggers", "services", "handlers", "integrations", "_bound"),
    ("formatter",),
    ("emitter", "_emitter_py", "long_texts", "micro"),
    ("transports",),
    (
        *("_backend", "_encoder_py", "_encoder_c", "_layout", "_message"),
        *("_lifecycle_c", "_logger_c", "_structured_data", "_text", "_timestamp"),
        "_traceback_text",
    ),
    ("_options", "types"),
    ("_validation", "_rare_validation", "_name_errors", "enums"),
    ("_platform", "constants"),
]
