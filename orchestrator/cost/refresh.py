"""Refreshes the price table from the AWS Price List, and stores the result in a file of the user."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from orchestrator.config.atomic_files import write_atomically
from orchestrator.cost.prices import DOLLARS, USER_FILE, PriceTable
from orchestrator.cost.queries import NOT_LISTED, Query, query, rows
from orchestrator.errors import EngineUnavailableError, RefusedError, StateError
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules import partitions

PRICE_LIST_REGION = "us-east-1"
"""The region whose endpoint has the prices of all regions.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html"""

WRONG_BEYOND = 5.0
"""A new price that differs from the old one by more than this factor is rejected: it belongs to another product or unit."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A price that could not be refreshed: the table keeps the older one."""

    row: str
    """Family and key, for example `rds db.t4g.micro`."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """The result of a refresh."""

    table: PriceTable
    refreshed: tuple[str, ...]
    """Rows that have today's price, including unchanged ones."""

    kept: tuple[Kept, ...]


def price_list(access: AwsAccess) -> Any:
    """A client of the Price List for that account. Requires the permission `pricing:GetProducts`."""
    # The list has no FIPS or IPv6 endpoint. Roles are still assumed in the region of the account.
    plain = replace(access, use_fips_endpoint=False, use_dualstack_endpoint=False)
    return replace(plain, region=PRICE_LIST_REGION, sts_region=access.sts_region or access.region).client("pricing")


def refresh(
    table: PriceTable,
    client: Any,
    *,
    region: str,
    today: date,
    report: Callable[[str], None] = lambda _row: None,
) -> Refreshed:
    """Query the Price List (`client`, see `price_list`) for every price of the table, in one region.

    `report` is called with each row before its query. A row is kept with its older date and source if the list does not
    have it, has it twice, or has an implausible price. Raises EngineUnavailableError if the first query fails, and
    RefusedError for a region of another partition, whose accounts cannot query this list.
    """
    own = partitions.of_region(region)
    if own != "aws":
        raise RefusedError(
            f"prices of {region} cannot be refreshed: accounts of the partition {own} cannot query the AWS Price List",
            f"the packaged prices are those of {table.region}; see the AWS price pages for {region}",
        )
    from botocore.exceptions import BotoCoreError, ClientError

    families: dict[str, dict[str, Any]] = {
        family: {key: entries[key] for key in ("source", "unit") if key in entries}
        for family, entries in table.families.items()
    }
    refreshed: list[str] = []
    kept: list[Kept] = []
    for family, path in rows(table):
        name = f"{family} {'.'.join(path)}"
        report(name)
        try:
            found = _query(client, family, path, region, table.price(family, *path))
        except (BotoCoreError, ClientError) as error:
            if not refreshed:
                raise _unavailable(error) from error
            found = _unavailable(error).message
        if isinstance(found, str):
            kept.append(Kept(row=name, reason=found))
            row = _row(table, family, path)
        else:
            refreshed.append(name)
            row = {DOLLARS: found[0], "date": today, "region": region, "source": found[1]}
        _put(families[family], path, row)
    # A table without a refreshed price keeps its date.
    day = today if refreshed else table.day
    fresh = PriceTable(day=day, region=region if refreshed else table.region, families=families)
    return Refreshed(table=fresh, refreshed=tuple(refreshed), kept=tuple(kept))


def of_region(
    table: PriceTable, access: AwsAccess, root: Path, *, region: str | None, today: date, report: Callable[[str], None]
) -> Refreshed:
    """`refresh` with the AWS settings of a stack, then `write`. The region defaults to that of the settings."""
    refreshed = refresh(
        table, price_list(access), region=region or access.region or table.region, today=today, report=report
    )
    write(refreshed.table, root)
    return refreshed


def write(table: PriceTable, root: Path) -> Path:
    """Write the table beside `orchestrator.toml` atomically. Returns the path. Raises StateError on failure."""
    path = root / USER_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, to_toml(table))
    except OSError as error:
        raise StateError(
            f"the refreshed prices cannot be written: {error.strerror} ({path})",
            "free some disk space, or check the permissions of the folder",
        ) from error
    return path


def to_toml(table: PriceTable) -> str:
    """The table as TOML that `prices.parse` reads."""
    lines = ["# Written by a refresh of the prices; the packaged table counts again when it is newer."]
    lines += [f"date = {table.day.isoformat()}", f"region = {_text(table.region)}"]
    for family, entries in table.families.items():
        lines += ["", f"[{family}]"]
        lines += [f"{key} = {_text(str(entries[key]))}" for key in ("source", "unit") if key in entries]
        for of, path in rows(PriceTable(day=table.day, region=table.region, families={family: entries})):
            keys = ".".join(_text(key) for key in path)
            row = [f"{DOLLARS} = {table.price(of, *path):.10g}", f"date = {table.day_of(of, *path).isoformat()}"]
            row += [f"region = {_text(table.region_of(of, *path))}", f"source = {_text(table.source(of, *path))}"]
            lines.append(f"{keys} = {{ {', '.join(row)} }}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # JSON's strings are TOML's basic strings.
    return json.dumps(value, ensure_ascii=False)


def _row(table: PriceTable, family: str, path: tuple[str, ...]) -> dict[str, Any]:
    """A price of the table with its terms."""
    return {
        DOLLARS: table.price(family, *path),
        "date": table.day_of(family, *path),
        "region": table.region_of(family, *path),
        "source": table.source(family, *path),
    }


def _put(entries: dict[str, Any], path: tuple[str, ...], row: Mapping[str, Any]) -> None:
    for key in path[:-1]:
        entries = entries.setdefault(key, {})
    entries[path[-1]] = row


def _query(
    client: Any, family: str, path: tuple[str, ...], region: str, before: float | None
) -> tuple[float, str] | str:
    """Price and source, or the reason why there is none."""
    if family in NOT_LISTED:
        return "the Price List has no such prices"
    wanted = query(family, path)
    if wanted is None:
        return "no query for the Price List is known"
    found = dict(_prices(_products(client, wanted, region), wanted))
    if not found:
        return f"the Price List has no price in {region}"
    if len(found) > 1:
        return f"the Price List has several prices: {', '.join(f'${price:g}' for price in sorted(found))}"
    ((price, sku),) = found.items()
    if before and not before / WRONG_BEYOND <= price <= before * WRONG_BEYOND:
        return f"the Price List has ${price:g} instead of ${before:g}, which is implausible"
    return price, f"AWS Price List, {wanted.service} SKU {sku}"


def _products(client: Any, wanted: Query, region: str) -> Iterator[Mapping[str, Any]]:
    attributes = {**wanted.attributes, **({"regionCode": region} if wanted.regional else {})}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in attributes.items()]
    for page in client.get_paginator("get_products").paginate(ServiceCode=wanted.service, Filters=filters):
        for text in page["PriceList"]:
            product: Mapping[str, Any] = json.loads(text)
            if wanted.usage_type.search(str(product["product"]["attributes"].get("usagetype", ""))):
                yield product


def _unavailable(error: Exception) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"the AWS Price List cannot be queried: {' '.join(str(error).split())}",
        "check the AWS credentials and their permission pricing:GetProducts",
    )


def _prices(products: Iterable[Mapping[str, Any]], wanted: Query) -> Iterator[tuple[float, str]]:
    """The first price above zero of each product. Later prices are for larger amounts; a price of zero is for reserved
    or free amounts."""
    for product in products:
        terms: Mapping[str, Any] = (product.get("terms") or {}).get("OnDemand") or {}
        tiers = sorted(
            (float(tier.get("beginRange") or 0), float((tier.get("pricePerUnit") or {}).get("USD") or 0))
            for term in terms.values()
            for tier in term["priceDimensions"].values()
        )
        price = next((dollars for _, dollars in tiers if dollars > 0), None)
        if price is not None:
            yield round(price * wanted.scale, 10), str(product["product"]["sku"])
