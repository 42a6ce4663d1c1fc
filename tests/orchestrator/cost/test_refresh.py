"""Prices refreshed from the AWS Price List: scripted answers behind a real boto3 client."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from orchestrator.cost.prices import USER_FILE, PriceTable, current, packaged, parse
from orchestrator.cost.queries import NOT_LISTED, query, rows
from orchestrator.cost.refresh import Kept, price_list, refresh, to_toml, write
from orchestrator.errors import EngineUnavailableError, RefusedError, SettingsError, StateError
from pulumi_django.deploying.aws_access import AwsAccess

TODAY = date(2026, 11, 21)
REGION = "eu-west-1"


@pytest.fixture(scope="module")
def client() -> Any:
    import boto3

    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client("pricing")


def table(body: str) -> PriceTable:
    return parse(f'date = "2026-11-01"\nregion = "us-east-1"\n{body}')


NAT = '[nat_gateway]\nsource = "https://aws.amazon.com/vpc/pricing/"\nunit = "hour"\ngateway = 0.045\n'
KMS = '[kms]\nsource = "https://aws.amazon.com/kms/pricing/"\nunit = "month"\nkey = 1.0\n'


def product(usage_type: str, *tiers: tuple[str, str], sku: str = "SKU1") -> str:
    dimensions = {
        f"{sku}.{index}": {"beginRange": begin, "pricePerUnit": {"USD": dollars}, "unit": "Hrs"}
        for index, (begin, dollars) in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {"sku": sku, "attributes": {"usagetype": usage_type}},
            "terms": {"OnDemand": {f"{sku}.T": {"priceDimensions": dimensions}}, "Reserved": {}},
        }
    )


def refreshed(client: Any, of: PriceTable, *answers: list[str], region: str = REGION) -> Any:
    with Stubber(client) as stub:
        for answer in answers:
            stub.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": answer})
        result = refresh(of, client, region=region, today=TODAY)
        stub.assert_no_pending_responses()
    return result


def test_a_refreshed_price_has_its_day_region_and_source(client: Any) -> None:
    result = refreshed(client, table(NAT), [product("EU-NatGateway-Hours", ("0", "0.0480000000"))])
    assert result.refreshed == ("nat_gateway gateway",)
    assert result.kept == ()
    assert result.table.price("nat_gateway", "gateway") == 0.048
    assert result.table.day_of("nat_gateway", "gateway") == TODAY
    assert result.table.region_of("nat_gateway", "gateway") == REGION
    assert result.table.source("nat_gateway", "gateway") == "AWS Price List, AmazonEC2 SKU SKU1"
    assert (result.table.day, result.table.region) == (TODAY, REGION)


def test_a_query_names_the_region_the_service_and_its_attributes(client: Any) -> None:
    body = '[ec2]\nsource = "https://aws.amazon.com/ec2/pricing/on-demand/"\nunit = "hour"\n"t4g.nano" = 0.0042\n'
    wanted = {
        "instanceType": "t4g.nano",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "regionCode": REGION,
    }
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    with Stubber(client) as stub:
        stub.add_response(
            "get_products",
            {"PriceList": [product("EU-BoxUsage:t4g.nano", ("0", "0.0046"))]},
            {"ServiceCode": "AmazonEC2", "Filters": filters},
        )
        result = refresh(table(body), client, region=REGION, today=TODAY)
    assert result.table.price("ec2", "t4g.nano") == 0.0046


def test_the_query_for_a_global_product_has_no_region(client: Any) -> None:
    assert query("hosted_zone", ("zone",)) is not None
    body = '[hosted_zone]\nsource = "https://aws.amazon.com/route53/pricing/"\nunit = "month"\nzone = 0.5\n'
    filters = [{"Type": "TERM_MATCH", "Field": "productFamily", "Value": "DNS Zone"}]
    with Stubber(client) as stub:
        stub.add_response(
            "get_products",
            {"PriceList": [product("HostedZone", ("25", "0.1"), ("0", "0.5"))]},
            {"ServiceCode": "AmazonRoute53", "Filters": filters},
        )
        result = refresh(table(body), client, region=REGION, today=TODAY)
    assert result.table.price("hosted_zone", "zone") == 0.5


def test_free_and_reserved_tiers_are_ignored_and_units_are_those_of_the_table(client: Any) -> None:
    body = '[sqs_use]\nsource = "https://aws.amazon.com/sqs/pricing/"\nunit = "use"\nrequests_million = 0.4\n'
    answer = [product("EU-Requests-Tier1", ("0", "0.0"), ("1000000", "0.00000044"), ("100000000000", "0.0000003"))]
    assert refreshed(client, table(body), answer).table.price("sqs_use", "requests_million") == 0.44


def test_other_usage_types_of_the_same_product_are_ignored(client: Any) -> None:
    answer = [
        product("EU-NatGateway-Bytes", ("0", "0.05"), sku="OTHER"),
        product("EU-NatGateway-Prvd-Hours", ("0", "0.06"), sku="ANOTHER"),
        product("EU-NatGateway-Hours", ("0", "0.048")),
    ]
    assert refreshed(client, table(NAT), answer).table.price("nat_gateway", "gateway") == 0.048


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "the Price List has no price in eu-west-1"),
        ([product("EU-NatGateway-Hours", ("0", "0"))], "the Price List has no price in eu-west-1"),
        (
            [product("EU-NatGateway-Hours", ("0", "0.05"), sku=sku) for sku in ("A", "B")]
            + [product("EU-NatGateway-Hours", ("0", "0.048"), sku="C")],
            "the Price List has several prices: $0.048, $0.05",
        ),
        (
            [product("EU-NatGateway-Hours", ("0", "4.8"))],
            "the Price List has $4.8 instead of $0.045, which is implausible",
        ),
    ],
)
def test_a_price_that_cannot_be_refreshed_is_reported_and_kept_with_its_day_region_and_source(
    client: Any, answer: list[str], reason: str
) -> None:
    result = refreshed(client, table(KMS + NAT), [product("eu-west-1-KMS-Keys", ("0", "1.0"))], answer)
    assert result.refreshed == ("kms key",)
    assert result.kept == (Kept(row="nat_gateway gateway", reason=reason),)
    assert result.table.price("nat_gateway", "gateway") == 0.045
    assert result.table.day_of("nat_gateway", "gateway") == date(2026, 11, 1)
    assert result.table.region_of("nat_gateway", "gateway") == "us-east-1"
    assert result.table.source("nat_gateway", "gateway") == "https://aws.amazon.com/vpc/pricing/"


def test_spot_prices_and_unknown_rows_are_kept_without_a_query(client: Any) -> None:
    body = (
        '[fargate_spot]\nsource = "https://aws.amazon.com/fargate/pricing/"\nunit = "hour"\nX86_64.vcpu = 0.01\n'
        '[other]\nsource = "https://aws.amazon.com/other/pricing/"\nunit = "hour"\nthing = 0.01\n'
    )
    result = refreshed(client, table(body))
    assert result.kept == (
        Kept(row="fargate_spot X86_64.vcpu", reason="the Price List has no such prices"),
        Kept(row="other thing", reason="no query for the Price List is known"),
    )
    assert (result.table.day, result.table.region) == (date(2026, 11, 1), "us-east-1")


def test_a_denied_query_is_an_error_of_one_sentence(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "not\nallowed")
        with pytest.raises(EngineUnavailableError) as refused:
            refresh(table(NAT), client, region=REGION, today=TODAY)
    assert refused.value.message == (
        "the AWS Price List cannot be queried: An error occurred (AccessDeniedException) when calling the GetProducts "
        "operation: not allowed"
    )
    assert refused.value.hint == "check the AWS credentials and their permission pricing:GetProducts"


def test_a_later_failed_query_keeps_the_old_price(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": [product("eu-west-1-KMS-Keys", ("0", "1.1"))]})
        stub.add_client_error("get_products", "InternalErrorException", "later")
        result = refresh(table(KMS + NAT), client, region=REGION, today=TODAY)
    assert result.table.price("kms", "key") == 1.1
    assert [kept.row for kept in result.kept] == ["nat_gateway gateway"]


def test_every_row_is_reported_before_its_query(client: Any) -> None:
    reported: list[str] = []
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": []})
        refresh(table(NAT), client, region=REGION, today=TODAY, report=reported.append)
    assert reported == ["nat_gateway gateway"]


def test_queries_go_to_the_region_that_serves_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert price_list(AwsAccess(region="eu-west-1")).meta.region_name == "us-east-1"


def test_every_packaged_price_has_a_query_or_is_marked_as_not_listed() -> None:
    for family, path in rows(packaged()):
        assert (query(family, path) is None) == (family in NOT_LISTED), (family, path)


@pytest.mark.parametrize(
    ("family", "path", "usage_types", "others"),
    [
        ("fargate", ("X86_64", "vcpu"), ["USE1-Fargate-vCPU-Hours:perCPU"], ["USE1-Fargate-ARM-vCPU-Hours:perCPU"]),
        ("fargate", ("ARM64", "gib"), ["EU-Fargate-ARM-GB-Hours"], ["EU-Fargate-GB-Hours"]),
        ("load_balancer", ("application",), ["LoadBalancerUsage", "EUC1-LoadBalancerUsage"], ["TS-LoadBalancerUsage"]),
        ("rds", ("db.t4g.micro",), ["InstanceUsage:db.t4g.micro"], ["EU-Multi-AZUsage:db.t4g.micro"]),
        ("rds_storage", ("gp3",), ["RDS:GP3-Storage"], ["EU-RDS:Multi-AZ-GP3-Storage"]),
        ("ebs", ("gp3",), ["EBS:VolumeUsage.gp3"], ["EBS:VolumeUsage.piops"]),
        ("vpc_endpoint", ("interface",), ["USE1-VpcEndpoint-Hours"], ["USE1-VpcEndpoint-GWLBE-Hours"]),
        ("public_ipv4", ("address",), ["USE1-PublicIPv4:InUseAddress"], ["USE1-PublicIPv4:IdleAddress"]),
    ],
)
def test_usage_types_are_compared_without_their_region(
    family: str, path: tuple[str, ...], usage_types: list[str], others: list[str]
) -> None:
    found = query(family, path)
    assert found is not None
    assert [text for text in [*usage_types, *others] if found.usage_type.search(text)] == usage_types


def test_a_refreshed_table_is_stored_beside_the_settings_and_has_precedence(client: Any, tmp_path: Path) -> None:
    assert current(tmp_path) == packaged()
    result = refreshed(client, table(KMS + NAT), [product("eu-west-1-KMS-Keys", ("0", "1.1"))], [])
    path = write(result.table, tmp_path)
    assert path == tmp_path / ".orchestrator" / "prices.toml"
    assert [file.name for file in path.parent.iterdir()] == ["prices.toml"]
    assert current(tmp_path) == result.table
    assert path.read_text() == (
        "# Written by a refresh of the prices; the packaged table counts again when it is newer.\n"
        "date = 2026-11-21\n"
        'region = "eu-west-1"\n'
        "\n"
        "[kms]\n"
        'source = "https://aws.amazon.com/kms/pricing/"\n'
        'unit = "month"\n'
        '"key" = { dollars = 1.1, date = 2026-11-21, region = "eu-west-1", '
        'source = "AWS Price List, awskms SKU SKU1" }\n'
        "\n"
        "[nat_gateway]\n"
        'source = "https://aws.amazon.com/vpc/pricing/"\n'
        'unit = "hour"\n'
        '"gateway" = { dollars = 0.045, date = 2026-11-01, region = "us-east-1", '
        'source = "https://aws.amazon.com/vpc/pricing/" }\n'
    )


def test_the_packaged_table_is_equal_after_it_is_written_and_read(tmp_path: Path) -> None:
    again = parse(to_toml(packaged()))
    assert list(rows(again)) == list(rows(packaged()))
    for family, path in rows(again):
        assert again.price(family, *path) == packaged().price(family, *path)
        assert again.source(family, *path) == packaged().source(family)
    assert write(again, tmp_path).exists()


def test_a_table_older_than_the_packaged_one_is_ignored(tmp_path: Path) -> None:
    write(table(NAT.replace("0.045", "9.9")), tmp_path)
    file = tmp_path / USER_FILE
    file.write_text(file.read_text().replace("date = 2026-11-01\n", "date = 2020-01-01\n", 1))
    assert current(tmp_path) == packaged()


def test_a_refreshed_table_can_be_refreshed_again(client: Any) -> None:
    first = refreshed(client, table(NAT), [product("EU-NatGateway-Hours", ("0", "0.048"))]).table
    again = refreshed(client, first, [product("EU-NatGateway-Hours", ("0", "0.05"))])
    assert again.table.price("nat_gateway", "gateway") == 0.05
    kept = refreshed(client, first, [])
    assert kept.table.source("nat_gateway", "gateway") == "AWS Price List, AmazonEC2 SKU SKU1"


@pytest.mark.parametrize("text", ["date = ", "region = 'x'", "date = 'soon'\nregion = 'x'", "date = 5\nregion = 'x'"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / USER_FILE
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        current(tmp_path)
    assert refused.value.message.startswith(f"the refreshed prices in {file} cannot be read: ")
    assert refused.value.hint == "delete the file, or run `orchestrator cost --refresh` again"


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_no_files(tmp_path: Path) -> None:
    (tmp_path / ".orchestrator").write_text("a file")
    with pytest.raises(StateError, match="the refreshed prices cannot be written: File exists"):
        write(packaged(), tmp_path)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_a_region_of_another_partition_is_refused_before_any_query(client: Any, region: str) -> None:
    with Stubber(client), pytest.raises(RefusedError, match=f"prices of {region} cannot be refreshed"):
        refresh(table(NAT), client, region=region, today=TODAY)
