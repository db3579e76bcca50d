"""The dashboard: all deployments, then one of them from its traffic down to what it stands on."""

from typing import Final

from modelward.render.dashboard.expressions import DEPLOYMENT
from modelward.render.dashboard.fleet import FLEET
from modelward.render.dashboard.foundation import INFRASTRUCTURE
from modelward.render.dashboard.objectives import OBJECTIVES
from modelward.render.dashboard.panel import Annotation
from modelward.render.dashboard.quality import DRIFT, QUALITY
from modelward.render.dashboard.traffic import TRAFFIC

ROWS: Final = (FLEET, TRAFFIC, OBJECTIVES, QUALITY, DRIFT, INFRASTRUCTURE)
ANNOTATIONS: Final = (
    Annotation(
        "Rollout",
        f'max(modelward_deployment_phase{{{DEPLOYMENT}, phase=~"Stepping|Promoting"}}) > 0',
        "blue",
    ),
    Annotation(
        "Rollback", f'max(modelward_deployment_phase{{{DEPLOYMENT}, phase="RollingBack"}}) > 0', "red"
    ),
)
