"""What the original AMS 1.7.0 answered to recorded requests is what we answer, or a decision says why not."""

from pathlib import Path

import pytest

from tests.bridge.api.test_compatibility_page import ROWS
from tests.fakes.ams_recordings import recorded, replay, sequences


@pytest.mark.parametrize("name", sequences())
def test_every_recorded_request_is_answered_as_by_the_original_or_as_decided(name: str, tmp_path: Path):
    differences = replay(name, tmp_path)
    undecided = [str(difference) for difference in differences if not difference.decided_by]
    assert not undecided, "\n".join(undecided[:5])
    found = {difference.number for difference in differences}
    decided = {number for number, request in enumerate(recorded(name), start=1) if "differs_by" in request}
    assert decided - found == set(), "these no longer differ; take differs_by out of the recording"


@pytest.mark.parametrize("name", sequences())
def test_every_difference_names_points_of_the_compatibility_page(name):
    listed = {row[0] for row in ROWS}
    named = {point for request in recorded(name) for point in request.get("differs_by", "").split("/") if point}
    assert named <= listed
