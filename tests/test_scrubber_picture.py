"""The README's picture of the scrubber: is it the scrubber as it is now?"""

from pathlib import Path

from PIL import Image
from scrubber_picture import MADE_FROM, fingerprint

PICTURE = Path(__file__).parents[1] / "figures" / "scrubber.png"


def test_the_picture_is_of_the_present_scrubber():
    with Image.open(PICTURE) as picture:
        assert picture.text.get(MADE_FROM) == fingerprint(), "figures/scrubber.png is stale: run `make figures`"
        assert min(picture.size) > 800
