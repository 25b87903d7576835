"""Thresholds by product: from a file to the one parameter that carries them."""

import json
from pathlib import Path

from deploy.aws.errors import DeployError

MOST_CHARACTERS = 2048
"""The longest value of a property.
https://docs.aws.amazon.com/managed-flink/latest/apiv2/API_PropertyGroup.html"""


def read(path: Path) -> str:
    """Read a JSON object of products and thresholds, and give it as the template's parameter; empty for no product.

    Raises:
        DeployError: if it is not such an object, or too long for a property; exit status 2.
    """
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeployError(f"{path}: {error.strerror}; expected a JSON file", status=2) from None
    except ValueError as error:
        raise DeployError(f"{path}: expected JSON in UTF-8: {error}", status=2) from None
    if not isinstance(pairs, dict):
        raise DeployError(f"{path}: expected an object of products and their thresholds", status=2)
    for product, value in pairs.items():
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
            raise DeployError(f"{path}: {product!r}: expected a whole number that fits INT, got {value!r}", status=2)
        if not 1 <= len(product) <= 64:
            raise DeployError(f"{path}: {product!r}: expected a product id of 1 to 64 characters", status=2)
    # In ASCII, as CloudFormation gives other characters back as question marks.
    text = json.dumps(pairs, sort_keys=True, separators=(",", ":")) if pairs else ""
    if len(text) > MOST_CHARACTERS:
        raise DeployError(
            f"{path}: {len(pairs)} products take {len(text)} characters; the service takes {MOST_CHARACTERS}",
            "keep the products that differ most, and let --threshold be the value of the others",
            2,
        )
    return text
