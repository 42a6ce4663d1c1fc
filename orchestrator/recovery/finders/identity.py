"""Finds IAM, DNS, certificates, CloudFront and web ACLs, which mostly belong to no region or VPC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.recovery import arns
from orchestrator.recovery.aws import Aws, is_absent, tags_of
from orchestrator.recovery.finders.candidate import Candidate, Finder, Inputs, text


def _role(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    role = _one(lambda: aws.client("iam").get_role(RoleName=name)["Role"]) if name else None
    return [Candidate(id=role["RoleName"], tags=tags_of(role.get("Tags")))] if role else []


def _role_policy(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    role, name = text(inputs, "role"), text(inputs, "name")
    if role and name in aws.all("iam", "list_role_policies", "PolicyNames", RoleName=role):
        yield Candidate(id=f"{role}:{name}", tags=None)


def _role_policy_attachment(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    role, arn = text(inputs, "role"), text(inputs, "policyArn")
    for attached in aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role) if role else ():
        if attached["PolicyArn"] == arn:
            # An attachment has no id in AWS: the provider reads it by role and policy.
            yield Candidate(id=f"{role}/{arn}", tags=None)


def _instance_profile(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = text(inputs, "name")
    get = aws.client("iam").get_instance_profile
    profile = _one(lambda: get(InstanceProfileName=name)["InstanceProfile"]) if name else None
    return [Candidate(id=profile["InstanceProfileName"], tags=tags_of(profile.get("Tags")))] if profile else []


def _policy(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    for policy in aws.all("iam", "list_policies", "Policies", Scope="Local"):
        if policy["PolicyName"] == inputs.get("name"):
            tags = aws.client("iam").list_policy_tags(PolicyArn=policy["Arn"]).get("Tags")
            yield Candidate(id=policy["Arn"], tags=tags_of(tags))


def _oidc_provider(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    url = (text(inputs, "url") or "").removeprefix("https://").rstrip("/")
    for provider in aws.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        if url and arns.name_of(provider["Arn"]) == url:
            yield Candidate(id=provider["Arn"], tags={})


def _one(get: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        return get()
    except ClientError as error:
        if is_absent(error):
            return None
        raise


def _record(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    zone, name, kind = (text(inputs, key) for key in ("zoneId", "name", "type"))
    if not (zone and name and kind):
        return
    plain = name.rstrip(".").lower()
    answer = aws.client("route53").list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=plain, StartRecordType=kind, MaxItems="10"
    )
    for record in answer["ResourceRecordSets"]:
        # Route 53 writes an asterisk as its character code.
        found = record["Name"].rstrip(".").replace("\\052", "*").lower()
        identifier = record.get("SetIdentifier")
        if found == plain and record["Type"] == kind and identifier == text(inputs, "setIdentifier"):
            # The id has the name as it was given. The state must have it without the final dot, or the next update replaces
            # the record.
            parts = [zone, name.lower(), kind, *([identifier] if identifier else [])]
            yield Candidate(id="_".join(parts), tags=None, outputs={"name": plain})


def _zone(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name = (text(inputs, "name") or "").rstrip(".")
    for zone in aws.all("route53", "list_hosted_zones", "HostedZones"):
        if name and zone["Name"].rstrip(".") == name:
            id_ = zone["Id"].rpartition("/")[2]
            answer = aws.client("route53").list_tags_for_resource(ResourceType="hostedzone", ResourceId=id_)
            # Several zones can have the same name.
            yield Candidate(id=id_, tags=tags_of(answer["ResourceTagSet"].get("Tags")), distinct=False)


def _certificate(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    statuses = ["PENDING_VALIDATION", "ISSUED"]
    found = aws.all("acm", "list_certificates", "CertificateSummaryList", CertificateStatuses=statuses)
    for summary in found:
        if summary["DomainName"] == inputs.get("domainName"):
            tags = aws.client("acm").list_tags_for_certificate(CertificateArn=summary["CertificateArn"]).get("Tags")
            yield Candidate(id=summary["CertificateArn"], tags=tags_of(tags), distinct=False)


def _distribution(aws: Aws, _inputs: Inputs) -> Iterable[Candidate]:
    for item in aws.all("cloudfront", "list_distributions", "DistributionList.Items"):
        tags = aws.client("cloudfront").list_tags_for_resource(Resource=item["ARN"])["Tags"].get("Items")
        yield Candidate(id=item["Id"], tags=tags_of(tags), distinct=False)


def _of_cloudfront(operation: str, key: str, policy: str | None = None) -> Finder:
    def find(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
        for item in aws.all("cloudfront", operation, key):
            found = item[policy] if policy else item
            name = found.get("Name") or found.get(f"{policy}Config", {}).get("Name")
            if name is not None and name == inputs.get("name"):
                yield Candidate(id=found["Id"], tags=None)

    return find


def _web_acl(aws: Aws, inputs: Inputs) -> Iterable[Candidate]:
    name, scope = text(inputs, "name"), text(inputs, "scope")
    client = aws.client("wafv2")
    for item in client.list_web_acls(Scope=scope, Limit=100)["WebACLs"] if name and scope else ():
        if item["Name"] == name:
            answer = client.list_tags_for_resource(ResourceARN=item["ARN"])
            yield Candidate(id=item["Id"], tags=tags_of(answer["TagInfoForResource"].get("TagList")))


FINDERS: Mapping[str, Finder] = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:cloudfront/cachePolicy:CachePolicy": _of_cloudfront(
        "list_cache_policies", "CachePolicyList.Items", "CachePolicy"
    ),
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudfront/function:Function": lambda aws, inputs: [
        Candidate(id=item["Name"], tags=None)
        for item in aws.all("cloudfront", "list_functions", "FunctionList.Items")
        if item["Name"] == inputs.get("name")
    ],
    "aws:cloudfront/originAccessControl:OriginAccessControl": _of_cloudfront(
        "list_origin_access_controls", "OriginAccessControlList.Items"
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _of_cloudfront(
        "list_response_headers_policies", "ResponseHeadersPolicyList.Items", "ResponseHeadersPolicy"
    ),
    "aws:iam/instanceProfile:InstanceProfile": _instance_profile,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _oidc_provider,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _role_policy_attachment,
    "aws:route53/record:Record": _record,
    "aws:route53/zone:Zone": _zone,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}
