"""`dialer` and `python -m dialer`: no traceback reaches a user."""

from __future__ import annotations

import sys

import click

from dialer.agreements.state import Unfit
from dialer.campaign.file import CampaignError
from dialer.campaign.retry import RetryError
from dialer.channels.causes import BadCauses
from dialer.channels.loopback.callees import CalleesError
from dialer.channels.port import ChannelDown
from dialer.cli.main import dialer
from dialer.compliance.packs import PackError
from dialer.contacts.problem import FileRefused
from dialer.offers.policy import OffersError
from dialer.settings import SettingsError
from dialer.simulate.parameters import ParametersError
from dialer.store.port import StoreDown, StoreError
from dialer.trunks.model import TrunksError
from ivr.library import LibraryError
from speech.port import SpeechError

#: Errors whose text is written for the user.
TOLD = (
    BadCauses,
    CalleesError,
    CampaignError,
    ChannelDown,
    FileRefused,
    LibraryError,
    OffersError,
    OSError,
    PackError,
    ParametersError,
    RetryError,
    SettingsError,
    SpeechError,
    StoreDown,
    StoreError,
    TrunksError,
    Unfit,
)


def main() -> None:
    """Run one command. Exit code 0 done, 1 refused or failed, 2 usage."""
    try:
        code = dialer(prog_name="dialer", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("dialer: interrupted", err=True)
        sys.exit(1)
    except TOLD as error:
        click.echo(f"dialer: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
