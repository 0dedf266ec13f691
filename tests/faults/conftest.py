"""One tenant on the running product for all faults; each test starts with empty books at the providers."""

import os
import random

import pytest

from tests.faults.traffic import PATIENT_PACE, PLAYBOOK, Traffic
from tests.support.product import Product
from tests.support.rest import RestShop, open_shop


@pytest.fixture(scope="session")
def shop(product: Product) -> RestShop:
    """A tenant whose agent knows all answers."""
    opened = open_shop(product, name="Northwind", playbook=PLAYBOOK)
    product.sandbox.set_events_url(opened.events_url, app=opened.slack_app.app_id)
    return opened


@pytest.fixture
def rng() -> random.Random:
    """Chance, with a seed that a failed test shows; ``FAULT_SEED`` sets it."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**9))
    print(f"FAULT_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def traffic(product: Product, shop: RestShop, rng: random.Random) -> Traffic:
    """Contacts who have asked nothing yet."""
    product.await_ready()
    product.sandbox.reset()
    product.sandbox.control("pace", PATIENT_PACE)
    return Traffic(product, shop, rng=rng)
