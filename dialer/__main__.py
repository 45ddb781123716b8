"""`dialer` and `python -m dialer`: no traceback reaches a user."""

from __future__ import annotations

import sys

import click

from dialer.cli.main import dialer

#: Errors whose text is written for the user, by the file that they are in.
TOLD = {
    "dialer.agreements.state": "Unfit",
    "dialer.campaign.file": "CampaignError",
    "dialer.campaign.retry": "RetryError",
    "dialer.channels.causes": "BadCauses",
    "dialer.channels.loopback.callees": "CalleesError",
    "dialer.channels.port": "ChannelDown",
    "dialer.compliance.packs": "PackError",
    "dialer.contacts.problem": "FileRefused",
    "dialer.events.broker": "BrokerError",
    "dialer.events.commands": "CommandsError",
    "dialer.offers.policy": "OffersError",
    "dialer.settings": "SettingsError",
    "dialer.simulate.parameters": "ParametersError",
    "dialer.store.port": "StoreDown StoreError",
    "dialer.trunks.model": "TrunksError",
    "ivr.library": "LibraryError",
    "speech.port": "SpeechError",
}


def for_users(error: BaseException) -> bool:
    """Whether its text is for them. What is not loaded was not raised either."""
    kinds = [
        getattr(sys.modules[file], name)
        for file, names in TOLD.items()
        for name in names.split()
        if file in sys.modules
    ]
    return isinstance(error, (OSError, *kinds))


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
    if for_users(error):
        return [str(error)]
    from dialer.logs import places  # not before it is wanted: it takes its time

    where = " < ".join(reversed(places(error.__traceback__)[-4:]))
    return [f"a fault of ours: {type(error).__name__} at {where}; please report it"]


if __name__ == "__main__":
    main()
