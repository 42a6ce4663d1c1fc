"""Known ways by which a principal with some rights gets more, each as the request without which it does not work.

Collected from the public lists: Rhino Security Labs' "AWS IAM Privilege Escalation" (21 methods and their successors),
pathfinding.cloud, Bishop Fox's iam-vulnerable, and the chapters on IAM, KMS, Secrets Manager, S3 and OIDC of HackTricks Cloud.
"""

from __future__ import annotations

from tests.support.aws_requests import ACCOUNT, BOUNDARY, GIVEN, REGION, TAG
from tests.support.iam_policies import Request

STATE_BUCKET, STATE_KEY = "arn:aws:s3:::acme-state-bucket-1a2b3c4", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/5tate"
DEPLOY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/pulumi-django-deploy"
ADMIN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/Administrator"
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/pulumi-django/alpha-task-1ca8b1e"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
USER, GROUP = f"arn:aws:iam::{ACCOUNT}:user/somebody", f"arn:aws:iam::{ACCOUNT}:group/admins"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/acme-deploy-network"
BOUNDED = {"iam:PermissionsBoundary": BOUNDARY}
HERE = {"aws:RequestedRegion": REGION}


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _all(actions: str, resource: str, **context: str) -> list[Request]:
    given = {key.replace("__", ":"): value for key, value in context.items()}
    return [Request(action, resource, {**HERE, **given}) for action in actions.split()]


FOREIGN = {
    "acm": _arn("acm", "certificate/f0e1"),
    "autoscaling": _arn("autoscaling", "autoScalingGroup:f0:autoScalingGroupName/payments-web"),
    "bucket": "arn:aws:s3:::payments-archive",
    "cloudfront": f"arn:aws:cloudfront::{ACCOUNT}:distribution/EF0",
    "cluster": _arn("ecs", "cluster/payments-cluster"),
    "database": _arn("rds", "db:payments"),
    "files": _arn("elasticfilesystem", "file-system/fs-f0"),
    "group": _arn("ec2", "security-group/sg-f0"),
    "instance": _arn("ec2", "instance/i-f0"),
    "key": _arn("kms", "key/f0e1"),
    "listener": _arn("elasticloadbalancing", "listener/app/payments/f0/e1"),
    "log": _arn("logs", "log-group:/aws/lambda/payments"),
    "parameter": _arn("ssm", "parameter/payments/token"),
    "queue": _arn("sqs", "payments-orders"),
    "redis": _arn("elasticache", "replicationgroup:payments"),
    "secret": _arn("secretsmanager", "secret:payments-database-AbCdEf"),
    "secret-alike": _arn("secretsmanager", "secret:payments-secrets-production-AbCdEf"),
    "service": _arn("ecs", "service/payments-cluster/web"),
    "subnet": _arn("ec2", "subnet/subnet-f0"),
    "task-definition": _arn("ecs", "task-definition/payments:7"),
    "template": _arn("ec2", "launch-template/lt-f0"),
    "topic": _arn("sns", "payments-events"),
    "volume": _arn("ec2", "volume/vol-f0"),
    "vpc": _arn("ec2", "vpc/vpc-f0"),
    "webacl": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/payments/f0",
}
"""What somebody else in the account made, without our tag."""

IAM = [
    *_all("iam:CreatePolicy iam:CreatePolicyVersion iam:SetDefaultPolicyVersion iam:DeletePolicyVersion", POLICY),
    *_all("iam:CreatePolicyVersion iam:SetDefaultPolicyVersion iam:DeletePolicy", BOUNDARY),
    *_all("iam:CreateUser iam:CreateAccessKey iam:CreateLoginProfile iam:UpdateLoginProfile iam:PutUserPolicy", USER),
    *_all("iam:AttachUserPolicy iam:AddUserToGroup iam:CreateServiceSpecificCredential iam:UploadSSHPublicKey", USER),
    *_all("iam:DeactivateMFADevice iam:CreateVirtualMFADevice iam:DeleteUserPermissionsBoundary", USER),
    *_all("iam:PutGroupPolicy iam:AttachGroupPolicy iam:AddUserToGroup", GROUP),
    # On itself and on administrators, also when they had the boundary.
    *(
        request
        for role in (DEPLOY_ROLE, ADMIN_ROLE, f"arn:aws:iam::{ACCOUNT}:role/pulumi-django-plan")
        for request in _all(
            "iam:PutRolePolicy iam:AttachRolePolicy iam:DetachRolePolicy iam:DeleteRolePolicy iam:UpdateAssumeRolePolicy "
            "iam:DeleteRole iam:TagRole iam:UntagRole iam:PutRolePermissionsBoundary iam:DeleteRolePermissionsBoundary "
            "iam:CreateRole iam:UpdateRole",
            role,
            iam__PermissionsBoundary=BOUNDARY,
            iam__PolicyARN="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        )
    ),
    # A role of ours without the boundary, with another, or with more than the boundary's pipeline may attach.
    *_all("iam:CreateRole iam:PutRolePolicy iam:UpdateAssumeRolePolicy iam:DeleteRolePermissionsBoundary", OWN_ROLE),
    *_all(
        "iam:CreateRole iam:PutRolePermissionsBoundary iam:PutRolePolicy",
        OWN_ROLE,
        iam__PermissionsBoundary=ADMINISTRATOR,
    ),
    *_all("iam:AttachRolePolicy", OWN_ROLE, iam__PolicyARN=ADMINISTRATOR, iam__PermissionsBoundary=BOUNDARY),
    *_all("iam:AttachRolePolicy", OWN_ROLE, iam__PolicyARN=POLICY, iam__PermissionsBoundary=BOUNDARY),
    *_all(
        "iam:AddRoleToInstanceProfile iam:CreateInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/payments"
    ),
    *_all(
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/organizations.amazonaws.com/x",
        iam__AWSServiceName="organizations.amazonaws.com",
    ),
    *_all("iam:UpdateAccountPasswordPolicy iam:CreateAccountAlias iam:CreateSAMLProvider", "*"),
]
OIDC = [
    *_all(
        "iam:CreateOpenIDConnectProvider iam:DeleteOpenIDConnectProvider iam:UpdateOpenIDConnectProviderThumbprint "
        "iam:AddClientIDToOpenIDConnectProvider iam:RemoveClientIDFromOpenIDConnectProvider iam:TagOpenIDConnectProvider",
        PROVIDER,
    ),
    *_all("iam:UpdateSAMLProvider", f"arn:aws:iam::{ACCOUNT}:saml-provider/okta"),
    *_all("sts:AssumeRole sts:TagSession sts:SetSourceIdentity", ADMIN_ROLE),
    *_all("sts:GetFederationToken", USER),
]
PASS_ROLE = [
    *(
        request
        for role in (ADMIN_ROLE, DEPLOY_ROLE, f"arn:aws:iam::{ACCOUNT}:role/service-role/payments")
        for service in ("ecs-tasks", "ec2", "scheduler", "lambda", "monitoring.rds")
        for request in _all("iam:PassRole", role, iam__PassedToService=f"{service}.amazonaws.com")
    ),
    *(
        request
        for service in ("lambda", "glue", "cloudformation", "codebuild", "sagemaker", "datapipeline", "ssm", "states")
        for request in _all("iam:PassRole", OWN_ROLE, iam__PassedToService=f"{service}.amazonaws.com")
    ),
    *_all("iam:PassRole", OWN_ROLE),
    *_all(
        "lambda:CreateFunction lambda:UpdateFunctionCode lambda:InvokeFunction lambda:AddPermission glue:CreateDevEndpoint "
        "glue:UpdateDevEndpoint glue:CreateJob cloudformation:CreateStack cloudformation:UpdateStack codebuild:CreateProject "
        "codebuild:StartBuild sagemaker:CreateNotebookInstance sagemaker:CreatePresignedNotebookInstanceUrl "
        "datapipeline:CreatePipeline states:CreateStateMachine apprunner:CreateService batch:SubmitJob events:PutRule "
        "events:PutTargets codepipeline:PutJobSuccessResult cognito-identity:SetIdentityPoolRoles amplify:CreateApp "
        "bedrock-agentcore:CreateCodeInterpreter ssm:SendCommand ssm:StartSession ssm:StartAutomationExecution "
        "ec2-instance-connect:SendSSHPublicKey ec2:AssociateIamInstanceProfile ec2:ReplaceIamInstanceProfileAssociation "
        "organizations:LeaveOrganization cloudtrail:StopLogging cloudtrail:DeleteTrail config:StopConfigurationRecorder "
        "guardduty:DeleteDetector",
        "*",
    ),
    # Others' machines and tasks, which have roles already.
    *_all(
        "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances ec2:TerminateInstances", FOREIGN["instance"]
    ),
    *_all("ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate", FOREIGN["template"]),
    *_all("ec2:RunInstances", FOREIGN["subnet"]),
    *_all("ec2:RunInstances", FOREIGN["group"]),
    *_all("ecs:ExecuteCommand ecs:PutClusterCapacityProviders", FOREIGN["cluster"]),
    *_all("ecs:UpdateService ecs:DeleteService", FOREIGN["service"]),
    *_all("ecs:RunTask", FOREIGN["task-definition"]),
    *_all("autoscaling:UpdateAutoScalingGroup autoscaling:PutScalingPolicy", FOREIGN["autoscaling"]),
]
TAGGING = [
    Request(action, resource, {**HERE, **GIVEN})
    for action, resources in {
        "acm:AddTagsToCertificate": ["acm"],
        "autoscaling:CreateOrUpdateTags": ["autoscaling"],
        "cloudfront:TagResource": ["cloudfront"],
        "cloudwatch:TagResource": ["log"],
        "ec2:CreateTags": ["group", "instance", "subnet", "template", "volume", "vpc"],
        "ecs:TagResource": ["cluster", "service", "task-definition"],
        "elasticache:AddTagsToResource": ["redis"],
        "elasticfilesystem:TagResource": ["files"],
        "elasticloadbalancing:AddTags": ["listener"],
        "kms:TagResource": ["key"],
        "logs:TagResource": ["log"],
        "rds:AddTagsToResource": ["database"],
        "s3:PutBucketTagging": ["bucket"],
        "s3:TagResource": ["bucket"],
        "secretsmanager:TagResource": ["secret", "secret-alike"],
        "sns:TagResource": ["topic"],
        "sqs:TagQueue": ["queue"],
        "ssm:AddTagsToResource": ["parameter"],
        "tag:TagResources": ["key"],
        "wafv2:TagResource": ["webacl"],
    }.items()
    for resource in (FOREIGN[name] for name in resources)
]
KMS = [
    *_all(
        "kms:ScheduleKeyDeletion kms:PutKeyPolicy kms:CreateGrant kms:Decrypt kms:ReEncryptFrom kms:DisableKey "
        "kms:ReplicateKey kms:GenerateDataKey kms:UpdatePrimaryRegion kms:ImportKeyMaterial kms:EnableKeyRotation",
        FOREIGN["key"],
        kms__GrantIsForAWSResource="true",
    ),
    # The state's key has our tag: it is made by the bootstrap.
    *(
        Request(action, STATE_KEY, {**HERE, **TAG, "kms:GrantIsForAWSResource": "true"})
        for action in (
            "kms:ScheduleKeyDeletion",
            "kms:PutKeyPolicy",
            "kms:CreateGrant",
            "kms:DisableKey",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:DeleteAlias",
            "kms:UpdateAlias",
        )
    ),
    Request("kms:CreateGrant", _arn("kms", "key/0wn"), {**HERE, **TAG, "kms:GrantIsForAWSResource": "false"}),
]
SECRETS = [
    *_all(
        "secretsmanager:GetSecretValue secretsmanager:PutSecretValue secretsmanager:UpdateSecret "
        "secretsmanager:PutResourcePolicy secretsmanager:DeleteSecret secretsmanager:BatchGetSecretValue "
        "secretsmanager:RotateSecret",
        FOREIGN["secret"],
    ),
    *_all("secretsmanager:GetSecretValue", _arn("secretsmanager", "secret:rds!db-0123-AbCdEf")),
    *_all("ssm:GetParameter ssm:GetParameters ssm:PutParameter ssm:DeleteParameter", FOREIGN["parameter"]),
    *_all(
        "rds:ModifyDBInstance rds:DeleteDBInstance rds:CreateDBSnapshot rds:RestoreDBInstanceFromDBSnapshot",
        FOREIGN["database"],
    ),
    *_all("rds:ModifyDBSnapshotAttribute ec2:ModifySnapshotAttribute ec2:CreateSnapshot", "*"),
]
S3 = [
    *_all(
        "s3:PutBucketPolicy s3:DeleteBucketPolicy s3:DeleteBucket s3:PutBucketVersioning s3:PutBucketAcl s3:PutBucketLogging "
        "s3:PutLifecycleConfiguration s3:PutEncryptionConfiguration s3:PutReplicationConfiguration s3:PutBucketTagging "
        "s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls",
        STATE_BUCKET,
    ),
    *_all(
        "s3:DeleteObjectVersion s3:PutObjectAcl s3:BypassGovernanceRetention", f"{STATE_BUCKET}/.pulumi/stacks/a.json"
    ),
    *_all("s3:PutBucketPolicy s3:DeleteBucket s3:PutBucketPublicAccessBlock s3:ListBucket", FOREIGN["bucket"]),
    *_all("s3:GetObject s3:PutObject s3:DeleteObject s3:DeleteObjectVersion", f"{FOREIGN['bucket']}/invoices.csv"),
    *_all(
        "elasticfilesystem:CreateAccessPoint elasticfilesystem:CreateMountTarget elasticfilesystem:PutFileSystemPolicy "
        "elasticfilesystem:DeleteFileSystemPolicy elasticfilesystem:DeleteFileSystem elasticfilesystem:ClientMount",
        FOREIGN["files"],
    ),
    *_all("ecr:DeleteRepository ecr:SetRepositoryPolicy ecr:PutImage", _arn("ecr", "repository/payments")),
]
NETWORK = [
    *_all("ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress ec2:DeleteSecurityGroup", FOREIGN["group"]),
    *_all("ec2:DeleteVpc ec2:CreateSubnet ec2:CreateVpcEndpoint ec2:ModifyVpcAttribute", FOREIGN["vpc"]),
    *_all("elasticloadbalancing:CreateRule elasticloadbalancing:ModifyListener", FOREIGN["listener"]),
    Request(
        "route53:ChangeResourceRecordSets",
        "arn:aws:route53:::hostedzone/Z1",
        {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "NS"]},
    ),
    # Another region, with everything else in order.
    Request("ec2:RunInstances", "arn:aws:ec2:eu-west-1::image/ami-1", {"aws:RequestedRegion": "eu-west-1"}),
    Request("ecs:CreateCluster", "arn:aws:ecs:eu-west-1:1:cluster/a", {"aws:RequestedRegion": "eu-west-1", **GIVEN}),
]
ESCALATIONS = {
    "iam": IAM,
    "oidc": OIDC,
    "pass-role": PASS_ROLE,
    "tagging": TAGGING,
    "kms": KMS,
    "secrets": SECRETS,
    "s3": S3,
    "network": NETWORK,
}
