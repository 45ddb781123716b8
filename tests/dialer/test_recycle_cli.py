"""`dialer campaign recycle`, as it is typed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dialer.campaign.retry import NEVER, NOT_THIS_NUMBER
from dialer.cli.recycle import OUTCOMES, recycle


@pytest.mark.parametrize("outcome", ["opted_out", "wrong_number", "agreed_plan", "odd"])
def test_who_must_not_be_called_again_cannot_be_recycled(outcome: str) -> None:
    result = CliRunner().invoke(recycle, ["autumn", "--outcome", outcome])
    assert result.exit_code == 2
    assert outcome in result.output


def test_what_retry_never_dials_recycling_does_not_either() -> None:
    assert not {d.value for d in NEVER | NOT_THIS_NUMBER} & set(OUTCOMES)
    assert {"busy", "no_answer", "abandoned", "voicemail"} < set(OUTCOMES)
