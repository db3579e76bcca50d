"""The two commands by which a person says yes or no."""

from typing import Final

from modelward import conventions as names
from modelward.api.approval import ApprovalDecision
from modelward.cli.resource import Deployment

WHY: Final = "WHY='...'   # in your own words"
"""What is to be set first; without it the commands end before they say anything."""
# The shell fills in the person, so that whoever gets the page answers in their own name.
_COMMAND: Final = """\
kubectl create -n {namespace} -f - <<EOF
apiVersion: {version}
kind: {kind}
metadata: {{generateName: {revision}-}}
spec:
  modelDeploymentName: {name}
  revision: {revision}
  decision: {decision}
  approver: "$(kubectl auth whoami -o jsonpath='{{.status.userInfo.username}}')"
  reason: >-
    ${{WHY:?set it first, to why}}
EOF"""


def command(deployment: Deployment, revision: str, decision: ApprovalDecision) -> str:
    """Return what to run in a shell to say this of a revision."""
    return _COMMAND.format(
        namespace=deployment.namespace,
        version=names.API_VERSION,
        kind=names.KIND_APPROVAL,
        name=deployment.name,
        revision=revision,
        decision=decision,
    )
