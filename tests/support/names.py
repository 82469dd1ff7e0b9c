"""Names of test items, the same in each process that collects them."""


def name_type(value: object) -> str:
    """Name a parameter by its type, where its repr holds an address."""
    return type(value).__name__
