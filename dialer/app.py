"""The only file that names drivers: settings in, an engine out."""

from __future__ import annotations

import asyncio
import fcntl
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dialer.call.call import Desk, call, prepare_shared
from dialer.call.conversation import Studio
from dialer.call.facts import OfferRule, Terms
from dialer.campaign import retry
from dialer.campaign.dispatcher import Dispatcher, Pace
from dialer.campaign.file import CampaignFile, parse
from dialer.channels.loopback.callee import Callee, load_callees
from dialer.channels.loopback.channel import LoopbackChannel
from dialer.clock import Clock
from dialer.compliance.gate import make_judge
from dialer.compliance.packs import load_rulebook
from dialer.evidence.log import Log
from dialer.evidence.mask import load_mask
from dialer.model import Judge
from dialer.settings import Settings, shipped
from dialer.store import keys
from dialer.store.port import Campaign, Claimed, Refused, StoreError, Stores
from dialer.store.sqlite import open_sqlite
from ivr.library import Library, load_library
from speech.pool import Pool
from speech.port import Recogniser
from speech.prompts import Prompts, open_prompts
from speech.recognisers.vosk import Vosk
from speech.recognisers.whisper import Whisper
