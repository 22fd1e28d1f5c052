"""Reads signed objects with the published `cwt` library, in an interpreter of its own: it needs an older cbor2.

Standard input: `{"pem": …, "kid": hex, "objects": [hex, …]}`. Prints for each what the library made of it,
or its refusal's name.
"""

import json
import sys

import cbor2
from cwt import COSE, COSEKey


def main() -> None:
    given = json.load(sys.stdin)
    key = COSEKey.from_pem(given["pem"], kid=bytes.fromhex(given["kid"]))
    read: list[object] = []
    for signed in given["objects"]:
        try:
            protected, unprotected, payload = COSE.new().decode_with_headers(bytes.fromhex(signed), key)
            read.append(
                {
                    "protected": plain(protected),
                    "beside": plain(unprotected),
                    "claims": plain(cbor2.loads(payload)),
                }
            )
        except Exception as refused:
            read.append(type(refused).__name__)
    print(json.dumps(read))


def plain(value: object) -> object:
    """As JSON can say it: names of maps as text, bytes in hex."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


if __name__ == "__main__":
    main()
