"""Who launched the instances of a run, from CloudTrail's event history.

There are three answers, never two: *known*, *nobody*, or *not known yet*. What CloudTrail could not
be asked about, or cannot know yet, is left for the next run and never written as nobody.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tag_policy.creators.cloudtrail import EventHistory, NoMoreAnswersError
from tag_policy.creators.search import LaunchSearch
from tag_policy.model.launch import Answer, Known, Nobody, NotKnownYet
from tag_policy.model.resource import ResourceRef

log = logging.getLogger(__name__)

_NOT_ASKED = "CloudTrail was not asked any further"


@dataclass(frozen=True, slots=True)
class Attribution:
    """An answer for each instance, by its id; ``problem`` says why CloudTrail was not asked on."""

    answers: Mapping[str, Answer]
    problem: str = ""


def attribute(
    instances: Iterable[ResourceRef], history: EventHistory, now: datetime, delay: timedelta
) -> Attribution:
    """Return an answer for each of the instances.

    ``now`` is the time of the run, with its time zone; ``delay`` is how long after a launch its
    event may still be on its way. Nothing of CloudTrail's is raised: an error there is an answer of
    *not known yet*, and one that ends the asking is told as the ``problem``.
    """
    search = LaunchSearch(instances, history, now, delay)
    problem = code = ""
    try:
        search.run()
    except NoMoreAnswersError as end:
        problem, code = str(end), end.code
    left = {instance_id: NotKnownYet(_NOT_ASKED, code) for instance_id in search.unanswered()}
    if left:
        problem = f"{problem}; {len(left):,} of {search.asked:,} creators are not known yet"
    if search.asked:
        kinds = Counter(type(answer) for answer in (*search.answers.values(), *left.values()))
        log.info(
            "creators: %d known, %d nobody, %d not known yet; "
            "%d calls by the time of a launch, %d by name, %d of them throttled",
            *(kinds[kind] for kind in (Known, Nobody, NotKnownYet)),
            history.calls["EventName"],
            history.calls["ResourceName"],
            history.throttled,
        )
    return Attribution(search.answers | left, problem if left else "")
