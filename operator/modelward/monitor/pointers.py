"""JSON pointers (RFC 6901), by which a plain HTTP server's predictions are found. Pure."""


def find(document: object, pointer: str) -> object:
    """What `pointer`, such as /result/0/class, names in a decoded document; None if there is nothing."""
    found = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list):
            found = found[int(key)] if key.isascii() and key.isdecimal() and int(key) < len(found) else None
        else:
            return None
    return found
