"""The events that say which resource somebody created."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

CREATING: Mapping[str, Literal["request", "answer"]] = MappingProxyType(
    {
        "CreateBucket": "request",
        "CreateCacheCluster": "answer",
        "CreateCluster": "answer",
        "CreateClusterV2": "answer",
        "CreateDBCluster": "answer",
        "CreateDBInstance": "answer",
        "CreateEndpoint": "answer",
        "CreateFileSystem": "answer",
        "CreateFunction20150331": "answer",
        "CreateKey": "answer",
        "CreateLoadBalancer": "answer",
        "CreateNatGateway": "answer",
        "CreateNotebookInstance": "answer",
        "CreateProvisionedModelThroughput": "answer",
        "CreateRepository": "answer",
        "CreateSecret": "answer",
        "CreateService": "answer",
        "CreateSnapshot": "answer",
        "CreateStateMachine": "answer",
        "CreateTable": "answer",
        "CreateTopic": "answer",
        "CreateTrainingJob": "answer",
        "CreateTransitGateway": "answer",
        "CreateVolume": "answer",
        "CreateVpcEndpoint": "answer",
        "CreateVpnConnection": "answer",
        "RunInstances": "answer",
        "RunJobFlow": "answer",
        "RunTask": "answer",
    }
)
"""Their names, of all services, and the part that holds the id: those that `creating` lists in sql/facts/cloudtrail.sql."""
