"""What the stack makes in an account, and what its functions may do there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsqlkit.aws.handlers import HANDLERS
from tests.stack.conftest import CLUSTER, ENDPOINT, Synthesised


def test_each_chapter_is_a_function_with_the_workshops_time_and_memory(new: Synthesised) -> None:
    assertions = pytest.importorskip("aws_cdk.assertions", reason="make test-cdk")
    template = assertions.Template.from_json(new.template)
    template.resource_count_is("AWS::Lambda::Function", len(HANDLERS))
    for chapter, handler in HANDLERS.items():
        template.has_resource_properties(
            "AWS::Lambda::Function",
            {
                "Handler": handler,
                "Timeout": 300 if chapter == 7 else 30,
                "MemorySize": 1024 if chapter == 7 else 512,
                "Runtime": "python3.13",
                "Architectures": ["arm64"],
                "LoggingConfig": {"LogGroup": assertions.Match.any_value()},
            },
        )


def test_the_cluster_is_not_protected_and_has_a_name(new: Synthesised) -> None:
    (cluster,) = new.resources("AWS::DSQL::Cluster")
    assert cluster == {
        "DeletionProtectionEnabled": False,
        "Tags": [{"Key": "Name", "Value": "dsqlkit"}],
    }


def test_functions_may_connect_to_that_cluster_and_do_nothing_else(
    new: Synthesised, existing: Synthesised
) -> None:
    theirs = {"Fn::GetAtt": ["Cluster", "ResourceArn"]}
    given = {
        "Fn::Join": [
            "",
            [
                "arn:",
                {"Ref": "AWS::Partition"},
                ":dsql:eu-west-1:",
                {"Ref": "AWS::AccountId"},
                f":cluster/{CLUSTER}",
            ],
        ]
    }
    for made, arn in ((new, theirs), (existing, given)):
        policies = made.resources("AWS::IAM::Policy")
        assert len(policies) == len(HANDLERS) - 1  # chapter 1 needs no cluster
        for policy in policies:
            assert policy["PolicyDocument"]["Statement"] == [
                {"Action": "dsql:DbConnectAdmin", "Effect": "Allow", "Resource": arn}
            ]
        for role in made.resources("AWS::IAM::Role"):
            (managed,) = role["ManagedPolicyArns"]
            assert json.dumps(managed).endswith('service-role/AWSLambdaBasicExecutionRole"]]}')
            assert "Policies" not in role


def test_functions_are_told_of_the_cluster_and_chapter_1_is_not(
    new: Synthesised, existing: Synthesised
) -> None:
    region = {"Ref": "AWS::Region"}
    name = {
        "Fn::Join": ["", [{"Fn::GetAtt": ["Cluster", "Identifier"]}, ".dsql.", region, ".on.aws"]]
    }
    for made, told in (
        (new, {"CLUSTER_ENDPOINT": name, "REGION": region}),
        (existing, {"CLUSTER_ENDPOINT": ENDPOINT, "REGION": "eu-west-1"}),
    ):
        for function in made.resources("AWS::Lambda::Function"):
            if function["Handler"] == HANDLERS[1]:
                assert "Environment" not in function
            else:
                assert function["Environment"] == {"Variables": told}


def test_logs_are_kept_for_a_time_and_go_with_the_stack(new: Synthesised) -> None:
    groups = [
        each for each in new.template["Resources"].values() if each["Type"] == "AWS::Logs::LogGroup"
    ]
    assert len(groups) == len(HANDLERS)
    for group in groups:
        assert group["Properties"]["RetentionInDays"] == 30
        assert group["DeletionPolicy"] == "Delete"


def test_outputs_name_the_functions_and_the_cluster(
    new: Synthesised, existing: Synthesised
) -> None:
    names = {"ClusterId", "ClusterEndpoint"} | {f"FunctionName{chapter}" for chapter in HANDLERS}
    assert set(new.template["Outputs"]) == set(new.said["outputs"]) == names
    assert set(existing.template["Outputs"]) == names
    assert existing.template["Outputs"]["ClusterId"] == {"Value": CLUSTER}
    assert existing.template["Outputs"]["ClusterEndpoint"] == {"Value": ENDPOINT}


def test_an_existing_cluster_is_left_alone(existing: Synthesised) -> None:
    assert existing.said["stack"] == "bank"
    assert existing.resources("AWS::DSQL::Cluster") == []
    for function in existing.resources("AWS::Lambda::Function"):
        assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])


def test_all_functions_run_on_the_zip_that_the_manifest_names(
    new: Synthesised, existing: Synthesised
) -> None:
    keys = set()
    for made in (new, existing):
        manifest = json.loads((made.folder / f"{made.said['stack']}.assets.json").read_text())
        zips = [each for each in manifest["files"].values() if "functions" in str(each["source"])]
        (place,) = zips[0]["destinations"].values()
        assert made.folder / zips[0]["source"]["path"] == Path(made.said["bundle"])
        (key,) = {each["Code"]["S3Key"] for each in made.resources("AWS::Lambda::Function")}
        assert key == place["objectKey"]
        keys.add(key)
    assert len(keys) == 2  # another machine, another zip


def test_cloudformation_would_take_the_template(new: Synthesised, existing: Synthesised) -> None:
    pytest.importorskip("cfnlint", reason="cfn-lint is not installed: make test-cdk")
    lint = Path(sys.executable).with_name("cfn-lint")
    templates = [new.said["template"], existing.said["template"]]
    # W3005: CDK says DependsOn where a reference says it too.
    ended = subprocess.run(
        [lint, "--ignore-checks", "W3005", "--", *templates],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert (ended.returncode, ended.stdout) == (0, "")
