import pytest

from .browser import browser
from .servers import serve


@pytest.mark.browser
def test_generate_writes_in_both_panes(tmp_path):
    """A visitor presses Generate and both models write after the prompt."""
    with serve("app.py") as url, browser(tmp_path) as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_role("button", name="Generate").click()
        page.wait_for_function("document.body.innerText.split('length').length === 3")
        assert page.locator(".text").count() == 2
