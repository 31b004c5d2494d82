"""The CDK stack: a cluster, a function for each chapter, and what each of them may do.

It needs the extra `dsqlkit[cdk]`, and Node.js, on which CDK's own code runs.
"""

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dsql, aws_iam, aws_lambda, aws_logs, aws_s3

from dsqlkit.aws.handlers import HANDLERS, TIME_LIMIT_S
from dsqlkit.aws.stack_settings import StackSettings, bundle_digest, bundle_name

MEMORY_MB: Final = {chapter: 1024 if chapter == 7 else 512 for chapter in HANDLERS}
"""As the original workshop sets it."""

WITHOUT_CLUSTER: Final = frozenset({1})


def synthesize(settings: StackSettings, folder: Path) -> None:
    """Write the stack's template, and the manifest that deploying needs, into a folder.

    The functions' zip is named by the manifest and need not be there yet: it is made when the
    stack is deployed.
    """
    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    stack = cdk.Stack(
        app,
        settings.name,
        description="The chapters of dsqlkit, a workshop for Amazon Aurora DSQL, as functions.",
    )
    arn, endpoint, region = _existing_cluster(stack, settings) or _new_cluster(stack, settings)
    code = _code(stack, settings)
    architecture = (
        aws_lambda.Architecture.ARM_64
        if settings.arch == "arm64"
        else aws_lambda.Architecture.X86_64
    )
    for chapter, handler in HANDLERS.items():
        logs = aws_logs.LogGroup(
            stack,
            f"Chapter{chapter}Logs",
            retention=aws_logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        function = aws_lambda.Function(
            stack,
            f"Chapter{chapter}",
            runtime=aws_lambda.Runtime(f"python{settings.python}"),
            architecture=architecture,
            handler=handler,
            code=code,
            timeout=cdk.Duration.seconds(TIME_LIMIT_S[chapter]),
            memory_size=MEMORY_MB[chapter],
            log_group=logs,
        )
        if chapter not in WITHOUT_CLUSTER:
            function.add_environment("CLUSTER_ENDPOINT", endpoint)
            function.add_environment("REGION", region)
            function.add_to_role_policy(
                aws_iam.PolicyStatement(actions=["dsql:DbConnectAdmin"], resources=[arn])
            )
        cdk.CfnOutput(stack, f"FunctionName{chapter}", value=function.function_name)
    app.synth()


def _new_cluster(stack: cdk.Stack, settings: StackSettings) -> tuple[str, str, str]:
    """A cluster of the stack's own: its ARN, endpoint and region."""
    cluster = aws_dsql.CfnCluster(
        stack,
        "Cluster",
        deletion_protection_enabled=False,
        tags=[cdk.CfnTag(key="Name", value=settings.name)],
    )
    endpoint = f"{cluster.attr_identifier}.dsql.{stack.region}.on.aws"
    _outputs(stack, cluster.attr_identifier, endpoint)
    return cluster.attr_resource_arn, endpoint, stack.region


def _existing_cluster(stack: cdk.Stack, settings: StackSettings) -> tuple[str, str, str] | None:
    """The same of a cluster that is there already, if the settings name one."""
    cluster = settings.existing
    if cluster is None:
        return None
    assert cluster.region is not None
    endpoint = f"{cluster.id}.dsql.{cluster.region}.on.aws"
    _outputs(stack, cluster.id, endpoint)
    arn = f"arn:{stack.partition}:dsql:{cluster.region}:{stack.account}:cluster/{cluster.id}"
    return arn, endpoint, cluster.region


def _outputs(stack: cdk.Stack, id: str, endpoint: str) -> None:
    cdk.CfnOutput(stack, "ClusterId", value=id)
    cdk.CfnOutput(stack, "ClusterEndpoint", value=endpoint)


def _code(stack: cdk.Stack, settings: StackSettings) -> aws_lambda.Code:
    # Not Code.from_asset: that reads the zip, which would have to be fetched to see a template.
    place = stack.synthesizer.add_file_asset(
        source_hash=bundle_digest(settings),
        file_name=bundle_name(settings),
        packaging=cdk.FileAssetPackaging.FILE,
    )
    bucket = aws_s3.Bucket.from_bucket_name(stack, "Assets", place.bucket_name)
    # Changed code has another key: no version of an object is needed to see that.
    cdk.Annotations.of(bucket).acknowledge_warning(
        "@aws-cdk/aws-lambda:codeFromBucketObjectVersionNotSpecified"
    )
    return aws_lambda.Code.from_bucket(bucket, place.object_key)
