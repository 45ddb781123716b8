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
from dialer.events.broker import BrokerError
from dialer.events.commands import CommandsError
from dialer.logs import places
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
    BrokerError,
    CalleesError,
    CampaignError,
    ChannelDown,
    CommandsError,
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
    except Exception as error:  # noqa: BLE001 - what it says may be personal
        for line in told(error):
            click.echo(f"dialer: {line}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def told(error: BaseException) -> list[str]:
    """What a user may read of an error that is a group, or a fault of ours."""
    if isinstance(error, BaseExceptionGroup):
        found = [line for one in error.exceptions for line in told(one)]
        return list(dict.fromkeys(found))
    if isinstance(error, TOLD):
        return [str(error)]
    where = " < ".join(reversed(places(error.__traceback__)[-4:]))
    return [f"a fault of ours: {type(error).__name__} at {where}; please report it"]


if __name__ == "__main__":
    main()
