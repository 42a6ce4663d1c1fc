"""The actions of ECR with which a build pushes an image."""

ECR_PUSH = (
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "CompleteLayerUpload",
    "DescribeImages",
    "DescribeRepositories",
    "GetDownloadUrlForLayer",
    "InitiateLayerUpload",
    "PutImage",
    "UploadLayerPart",
)
"""Names without the prefix `ecr:`. https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html; `orchestrator build`
also describes repositories and images, to find a tag that exists already."""
