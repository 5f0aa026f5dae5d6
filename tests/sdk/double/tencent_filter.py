"""Which pairs DescribeKeyPairs shows: ids, filters (AND between them, OR within), offset and limit."""

import re

from .account import Refusal
from .cloud import is_text

PAGE, LARGEST = 20, 100
FILTERS, VALUES = 10, 5


def chosen_pairs(pairs, ids, filters):
    """The pairs of these ids, or those that pass all filters. An id that is not there is no error."""
    if ids is not None:
        return [pair for pair in pairs if pair.id in ids]
    if not isinstance(filters, list) or len(filters) > FILTERS:
        raise Refusal("InvalidFilter")
    for one in filters:
        test = read(one)
        pairs = [pair for pair in pairs if test(pair)]
    return pairs


def read(one):
    """A filter as a test of a pair."""
    if not isinstance(one, dict) or not is_text(one.get("Name")) or not isinstance(one.get("Values"), list):
        raise Refusal("InvalidFilter")
    name, values = one["Name"], [str(value) for value in one["Values"]]
    if len(values) > VALUES:
        raise Refusal("InvalidFilterValue.LimitExceeded")
    if name == "project-id":
        return lambda pair: str(pair.project_id) in values
    if name == "key-name":
        return lambda pair: pair.name in values
    if name == "tag-key":
        return lambda pair: any(tag["Key"] in values for tag in pair.tags)
    if name == "tag-value":
        return lambda pair: any(tag["Value"] in values for tag in pair.tags)
    if name.startswith("tag:"):
        return lambda pair: any(tag["Key"] == name[4:] and tag["Value"] in values for tag in pair.tags)
    raise Refusal("InvalidFilter")


def page_of(pairs, body):
    """The part of them that Offset and Limit ask for."""
    offset = number(body.get("Offset"), 0, "InvalidParameterValueOffset")
    limit = number(body.get("Limit"), PAGE, "InvalidParameterValueLimit")
    if not 0 < limit <= LARGEST:
        raise Refusal("InvalidParameterValueLimit")
    return pairs[offset : offset + limit]


def number(value, otherwise, code):
    if value is None:
        return otherwise
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise Refusal(code)
    return int(value)
