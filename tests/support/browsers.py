"""What browser journeys begin with."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext


def sign_in(context: BrowserContext, link: str) -> None:
    """Use a sign-in link as the button of its page does, without drawing that page and the one it leads to.

    Raises:
        AssertionError: the link is not good, or no longer.
    """
    address = urlsplit(link)
    origin = f"{address.scheme}://{address.netloc}"
    answer = context.request.post(link, headers={"Origin": origin}, max_redirects=0)
    assert answer.status == 303, f"{link}: {answer.status}"
