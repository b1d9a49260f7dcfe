import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from fake_campaign import CRYSTALS, ONE_OBJECTIVE, FakeCampaign, config, measured

from gfnmat.report.page import render, write
from gfnmat.report.report import collect

LOADING = {"src", "srcset", "href", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """The text of a page by section, and what the page would load."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.text, self.scripts, self._section, self._script = [], {}, 0, "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "section":
            self._section = found["id"]
        if tag == "script":
            self.scripts += "type" not in found
        self._script = tag in ("script", "style")
        self.loads += [value for name, value in attrs if name in LOADING and not value.startswith(("data:", "#"))]

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._script = False

    def handle_data(self, data):
        if not self._script:
            self.text[self._section] = self.text.get(self._section, "") + data


@pytest.fixture(scope="module")
def html():
    other = FakeCampaign(config("rival"), (measured("BN", 250, 2.9), measured("Li2O", 90, 1.5)))
    return render(collect(FakeCampaign(), [other]))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_loaded(html, page):
    assert page.loads == []
    assert page.scripts == 2  # Plotly once, and the page's own
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_sections_come_in_order(page):
    sections = [name for name in page.text if name]
    assert sections == [
        "searched", "found", "figures", "failures", "diagnostics", "measurements", "structures", "provenance",
    ]  # fmt: skip


def test_the_search_is_described(page):
    text = page.text["searched"]
    for part in (
        "Li Be B N O",
        "compositions of 2 to 3 elements and 2 to 12 atoms, chemistry ionic",
        "maximize bulk modulus (GPa)",
        "formation energy ≤ \N{MINUS SIGN}0.5 eV/atom",
        "relaxed (target)",
    ):
        assert part in text


def test_the_findings_are_named_with_their_values(page):
    text = page.text["found"]
    assert "9 evaluations, 8 of them at the target fidelity" in text
    assert "Of 4 materials that meet all constraints, 3 are beaten by no other" in text
    assert "210.0" in text
    assert "BeB2O4" not in text
    assert "rival" in text


def test_the_reference_point_is_stated(page):
    assert "reference point (bulk modulus" in page.text["figures"]


def test_every_measurement_is_listed(page):
    for row in FakeCampaign().rows:
        assert row["formula"] in page.text["measurements"]


def test_the_target_is_listed_first_and_the_newest_first():
    rows = (
        measured("BeO", 210, 3.0),
        measured("LiBO2", 100, 1.0, fidelity="quick", round=1),
        measured("BN", 390, 3.4, round=1),
        measured("B2O3", 150, 2.5, fidelity="quick", round=2),
    )
    text = Page(render(collect(FakeCampaign(rows=rows)))).text["measurements"]
    assert re.findall("BeO|LiBO2|BN|B2O3", text) == ["BN", "BeO", "B2O3", "LiBO2"]


def test_the_store_is_named(page):
    assert "postgresql://ann:***@host/db" in page.text["provenance"]


def test_the_surrogate_is_judged_by_property_and_fidelity(html, page):
    shown = page.text["diagnostics"]
    assert "coverage of the 90 % interval" in shown
    assert "Before round 2" in shown
    assert "0.125" in shown  # the error of the last round, not of the first
    assert "0.25" not in shown


def test_failures_have_their_reason(page):
    assert "no relaxation of Li3N after 200 steps" in page.text["failures"]


def test_structures_can_be_taken_along(html, page):
    assert "_cell_length_a" in page.text["structures"]
    assert 'download="BeO.cif" href="data:chemical/x-cif' in html


def test_what_oracles_say_is_text_and_never_markup():
    rows = (measured("BN", status="infeasible", error="</script><img src=http://example.org/x.png>"),)
    assert Page(render(collect(FakeCampaign(rows=rows)))).loads == []


def test_a_campaign_that_has_not_begun_has_a_report():
    assert "No material that meets all constraints has been found yet" in render(collect(FakeCampaign(rows=())))


def test_one_objective_has_a_ranking():
    text = Page(render(collect(FakeCampaign(config("single", ONE_OBJECTIVE))))).text["found"]
    assert "The best bulk modulus is 210 GPa, of BeO" in text
    assert "The best materials" in text


def test_crystals_are_named_with_their_space_group():
    space = {"kind": "crystal", "elements": ["Be", "B", "N", "O"], "crystal_systems": ["cubic", "hexagonal"]}
    html = render(collect(FakeCampaign(config("one", ONE_OBJECTIVE, space), CRYSTALS)))
    text = Page(html).text
    assert "crystal systems cubic, hexagonal" in text["searched"]
    assert "The best bulk modulus is 210 GPa, of BeO P6_3mc" in text["found"]
    assert "Fm-3m" in text["found"]
    assert "230" not in text["found"]
    assert "same as no." in text["measurements"]
    assert "BeO|P6_3mc|1" not in text["measurements"]
    assert 'download="BeO-1.cif"' in html
    assert "<summary>BeO-1</summary>" in html
    assert "BeO Fm-3m" in html  # beside the pointer in a figure


def test_one_formula_stands_for_its_elements():
    csp = config("one", space={"kind": "crystal", "formula": "BeO"})
    text = Page(render(collect(FakeCampaign(csp, CRYSTALS)))).text
    assert "BeO" in text["searched"]
    assert "crystals of 2 to 12 atoms, chemistry ionic" in text["searched"]
    assert "Symmetry" not in text["searched"]


def test_a_prototype_says_how_large_crystals_are():
    space = {"kind": "crystal", "elements": ["Be", "O"], "prototype": "zincblende", "require": ["O"]}
    text = Page(render(collect(FakeCampaign(config("one", space=space), CRYSTALS)))).text
    assert "crystals on the sites of zincblende, chemistry ionic, with O" in text["searched"]


def test_a_target_and_three_objectives_have_figures():
    objectives = [
        {"property": "bulk_modulus", "goal": "maximize"},
        {"property": "density", "goal": "target", "window": [2, 3]},
        {"property": "formation_energy", "goal": "minimize"},
    ]
    html = render(collect(FakeCampaign(config("three", objectives))))
    assert html.count('data-for="trade-off-') == 3
    assert "bring density between 2 and 3 g/cm³" in html


@pytest.mark.slow
def test_a_browser_draws_the_figures_and_sorts_the_table(tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium")
        pytest.skip("no chromium")
    path = tmp_path / "report.html"
    write(collect(FakeCampaign()), path)
    click = """<script>addEventListener("load", () => {
      const heads = [...document.querySelectorAll("table.sortable th button")];
      heads.find(head => head.textContent.startsWith("bulk modulus")).click(); })</script>"""
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", click + "</body>"), encoding="utf-8")
    dump = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=10000", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    figures = len(re.findall(r'<div id="[^"]+" class="plot', dump))
    assert figures >= 9
    assert len(re.findall(r'<div id="[^"]+" class="plot js-plotly-plot"', dump)) == figures
    table = dump[dump.index('<table class="sortable">') :]
    formulas = re.findall(r"<tr><td[^>]*>\d+</td>\s*<td>(.*?)</td>", table)
    assert [re.sub("<.*?>", "", formula) for formula in formulas[:3]] == ["Li2O", "LiBO2", "BeB2O4"]
