"""A fixed figure of which only the moving parts are painted again (blitting)."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

SHARP = 150  # pixels an inch: fine on a projector and on dense screens, and still quick to paint


def new_figure(width, height):
    """An empty figure, `width` by `height` inches, that belongs to no window and is shown by nobody else."""
    return Figure(figsize=(width, height), layout="constrained")


class Blit:
    """A figure of which only the moving parts are painted again, over a kept background.

    Painting all of a figure takes long enough to feel, painting a few lines over a kept background
    does not: the difference between dragging a slider and waiting for it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It keeps its size and its axes for good, and is drawn with `SHARP` pixels an inch.
    moving : sequence of Artist
        What changes. They are painted over everything but the frames of the axes: keep legends
        outside.
    """

    def __init__(self, figure, moving):
        figure.set_dpi(SHARP)
        self._canvas = FigureCanvasAgg(figure)
        # The frames belong above a line that touches them.
        frames = [spine for ax in figure.axes for spine in ax.spines.values()]
        self._moving = sorted([*moving, *frames], key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self._canvas.draw()  # everything but the moving parts
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def paint(self):
        """Paint the moving parts where they are now; return the picture as the bytes of a PNG."""
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            artist.figure.draw_artist(artist)
        png = io.BytesIO()
        imsave(png, self.pixels(), format="png", pil_kwargs={"compress_level": 1})  # quick rather than small
        return png.getvalue()

    def pixels(self):
        """The picture as it stands, an array (height, width, 4) of bytes."""
        return np.asarray(self._canvas.buffer_rgba())
