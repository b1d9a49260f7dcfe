import math

from fake_campaign import FakeCampaign

from gfnmat.report.figures import diagnostics
from gfnmat.report.report import collect


def charts(campaign):
    return {chart.key: chart.figure for chart in diagnostics(collect(campaign).subject)}


def test_honesty_and_order_of_predictions_are_shown_by_round():
    shown = charts(FakeCampaign())
    assert shown["diagnostic-coverage"].data[0].x == (1, 2)
    assert shown["diagnostic-coverage"].data[0].y == (0.8, 0.8)
    assert shown["diagnostic-rank_correlation"].data[0].y == (-0.1, -0.2)


def test_only_the_coverage_has_a_line_at_what_is_honest():
    lines = {key: [shape.y0 for shape in figure.layout.shapes] for key, figure in charts(FakeCampaign()).items()}
    assert lines.pop("diagnostic-coverage") == [0.9]
    assert not any(lines.values())


def test_what_no_round_knows_has_no_figure():
    class WithoutSurrogate(FakeCampaign):
        def rounds(self):
            return super().rounds().assign(coverage=math.nan, rank_correlation=math.nan)

    shown = charts(WithoutSurrogate())
    assert "diagnostic-pool" in shown
    assert not {"diagnostic-coverage", "diagnostic-rank_correlation"} & shown.keys()
