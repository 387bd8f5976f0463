import matplotlib as mpl
import numpy as np
import pytest

from marketsai_lite import plots

mpl.use("Agg")


@pytest.fixture
def ax():
    import matplotlib.pyplot as plt

    with mpl.rc_context():
        plots.style()
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def test_a_band_is_the_median_and_two_quantiles(ax):
    x, samples = np.arange(3), np.arange(33.0).reshape(11, 3) ** 2
    line = plots.band(ax, x, samples, "Q", quantiles=(0.2, 0.8))
    assert line.get_label() == "Q"
    np.testing.assert_array_equal(line.get_xdata(), x)
    np.testing.assert_allclose(line.get_ydata(), samples[5])  # the sixth of eleven in order
    corners = ax.collections[0].get_paths()[0].vertices
    edges = {(x_, round(y, 9)) for x_, y in corners}
    assert {(float(t), round(samples[i, t], 9)) for i in (2, 8) for t in range(3)} <= edges


def test_bands_take_the_colors_of_the_book_in_turn(ax):
    lines = [plots.band(ax, [0, 1], np.zeros((2, 2))) for _ in range(2)]
    assert [line.get_color() for line in lines] == list(plots.COLORS[:2])
    assert all(line.get_linewidth() == 2 for line in lines)


@pytest.mark.parametrize(
    ("samples", "quantiles", "message"),
    [
        (np.zeros(3), (0.1, 0.9), r"samples has shape \(3,\): must be \(seeds, 3\)"),
        (np.zeros((3, 2)), (0.1, 0.9), r"samples has shape \(3, 2\)"),
        (np.zeros((0, 3)), (0.1, 0.9), r"samples has shape \(0, 3\)"),
        (np.zeros((2, 3)), (0.9, 0.1), r"quantiles = \(0.9, 0.1\)"),
        (np.zeros((2, 3)), (0, 1.1), r"quantiles = \(0, 1.1\)"),
    ],
)
def test_bad_arguments_are_refused(ax, samples, quantiles, message):
    with pytest.raises(ValueError, match=message):
        plots.band(ax, range(3), samples, quantiles=quantiles)


def test_the_palette_can_be_told_apart_on_white_and_when_turned_dark():
    def luminance(color):
        channel = np.array(mpl.colors.to_rgb(color))
        linear = np.where(channel <= 0.03928, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for color in plots.COLORS[:3]:  # the colors of lines in the book's figures
        assert 1.05 / (luminance(color) + 0.05) > 3


def test_letters_are_legible_on_a_phone(ax):
    """On a screen of 390 pixels a figure is 358 pixels wide, and a point is 4/3 of a pixel."""
    shrinks = 358 / (96 * mpl.rcParams["figure.figsize"][0])
    sizes = ["axes.labelsize", "font.size", "legend.fontsize", "xtick.labelsize", "ytick.labelsize"]
    assert min(mpl.rcParams[s] for s in sizes) * shrinks >= 8.9
