"""The pages in a real browser: Debian's chromium and chromium-driver, from file:// and without a network."""

import json
import shutil

import pytest
from conftest import ROOT
from gallery_runs import FILTERS, HOSTILE, IMAGES, LAYERS, filters_run, transfer_run

from fmi_mx import load_experiment, run
from fmi_mx.cli import main
from fmi_mx.gallery import gallery

FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync")  # fmt: skip
WAIT = 20  # seconds for what a page is to show


class Page:
    """A browser at a gallery. Its methods wait until the page has done what was asked."""

    def __init__(self, driver):
        self.driver = driver

    def visit(self, folder, name="", width=1280, dark=False, height=800):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get("about:blank")
        self.driver.get(f"{(folder / 'index.html').as_uri()}{name and '#'}{name}")

    def run(self, script, *arguments):
        return self.driver.execute_script(f"return {script}", *arguments)

    def wait(self, script, *arguments):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, WAIT, 0.02).until(lambda _: self.run(script, *arguments), script)

    def scroll(self, down):
        """Waits until the page has been told, which is a frame later than it has scrolled."""
        script = "addEventListener('scroll', () => arguments[1](), { once: true }); scrollTo(0, arguments[0])"
        self.driver.execute_async_script(script, down)

    def heading(self, text):
        """Waits for a page with this heading, and whatever stands on it."""
        self.wait("document.querySelector('main > section:not([hidden]) h1')?.textContent === arguments[0]", text)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def texts(self, selector):
        return [one.text for one in self.all(selector) if one.is_displayed()]

    def text(self, selector):
        (found,) = self.texts(selector)
        return found

    def click(self, selector):
        self.driver.find_element("css selector", selector).click()

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.driver).send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def filters(self):
        """The numbers of the filters of a layer, in the order in which they are shown."""
        return [int(one.text) for one in self.all("#filters b")]

    def order(self, value):
        self.click(f"#order option[value={value}]")

    def complaints(self):
        return [one["message"] for one in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    browser, program = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not program:
        pytest.skip("there is no chromium with its chromedriver: `apt-get install chromium chromium-driver`")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=service.Service(program))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver):
    found = Page(driver)
    yield found
    assert found.complaints() == []


def made(folder):
    return gallery.make(folder, None, "nowhere", lambda _: None)[0].parent


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    return made(filters_run(tmp_path_factory.mktemp("filters") / "run"))


@pytest.fixture(scope="module")
def transfer(tmp_path_factory):
    return made(transfer_run(tmp_path_factory.mktemp("transfer") / "run"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The gallery of a run of the small network: filters 0 to 7 of five layers, two images."""
    folder = tmp_path_factory.mktemp("small") / "run"
    settings = {"preset": "demo", "filters": "0-7", "long_edge": 48, "stop.passes": 2}
    run(load_experiment(ROOT / "experiments" / "fig3.yaml", **settings), folder, ROOT / "model" / "small.params", "nowhere")
    assert main(["gallery", str(folder), "--images", "nowhere"]) == 0
    return folder


def test_a_run_of_the_small_network_is_shown_whole(page, small):
    page.visit(small / "gallery")
    assert page.texts(".network strong") == ["relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]
    assert "1/8 of VGG-19's filters: not the paper's" in page.text("#page-start > p:first-of-type")
    assert page.run("[...document.images].every((one) => one.complete && one.naturalWidth)")
    page.click(".network a[href='#relu4_2']")
    page.heading("relu4_2")
    assert page.filters() == list(range(8))
    records = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (small / "cells").glob("*.relu4_2.*.json")
    }
    shares = [sum(records[f"{image}.relu4_2.f{l:03d}"]["energy_share"] for image in ("astronaut", "ihc")) for l in range(8)]
    page.order("share")
    assert page.filters() == sorted(range(8), key=lambda l: -shares[l])
    page.click("#filters a[href='#relu4_2.f003']")
    page.heading("relu4_2 filter 3")
    assert page.texts("#pictures figcaption") == ["content: astronaut", "from astronaut", "content: ihc", "from ihc"]
    assert page.run("[...document.querySelectorAll('#pictures img')].every((one) => one.complete && one.naturalWidth)")
    assert (len(page.all("#near a")), len(page.all("#far a"))) == (7, 8)
    first = page.all("#near a")[0].get_attribute("hash")
    page.click("#near a")
    page.wait("location.hash === arguments[0]", first)


def test_a_layer_is_ordered_filtered_and_switched(page, filters):
    page.visit(filters, "relu3_1")
    page.heading("relu3_1")
    assert page.text("#count") == "10 of 10 filters, by number"
    rising = list(range(FILTERS))
    for order, expected in (("colourful", rising[::-1]), ("intricate", rising), ("share", rising), ("left", rising[::-1])):
        page.order(order)
        assert page.filters() == expected
    page.order("apart")
    values = [float(one.text.split()[1]) for one in page.all("#filters .label")]
    assert values == sorted(values)
    page.order("number")
    page.click("#loud")
    assert page.filters() == [l for l in rising if l % 5 != 4]
    assert page.text("#count") == "8 of 10 filters, by number"
    assert len(page.all("#filters .small")) == 16
    page.click("input[name=image][value='1']")
    assert len(page.all("#filters .small")) == 8
    page.wait("""document.querySelector('#filters .small').style.backgroundImage === 'url("sheets/relu3_1.1.jpg")'""")


def test_what_is_far_below_is_drawn_when_it_comes_near(page, filters):
    page.visit(filters, "relu3_1", width=360)
    page.heading("relu3_1")
    page.run("document.getElementById('filters').style.paddingTop = '5000px'")
    page.order("share")  # draws anew
    last = "document.querySelector('#filters li:last-child .small').style.backgroundImage"
    page.run("new Promise((done) => setTimeout(done, 200))")
    assert page.run(last) == ""
    page.run("window.scrollTo(0, 10000)")
    page.wait(f"{last} !== ''")


def test_a_filter_has_a_link_of_its_own_arrows_go_on_and_back_goes_back(page, filters):
    page.visit(filters, "relu3_1.f004")
    page.heading("relu3_1 filter 4")
    assert page.driver.title.startswith("relu3_1 filter 4")
    assert page.texts("#pictures figcaption") == [f"from {name}, silent: the feature map stayed 0" for name in IMAGES]
    assert page.texts("#numbers tbody tr, #numbers > tr")[0] == "share of the energy reached 6 % 6 %"
    assert page.run("document.querySelectorAll('#curve polyline:not(.axes)').length") == 2
    page.press("ARROW_RIGHT")
    page.heading("relu3_1 filter 5")
    page.press("ARROW_LEFT")
    page.heading("relu3_1 filter 4")
    page.driver.back()
    page.heading("relu3_1 filter 5")
    page.driver.back()
    page.heading("relu3_1 filter 4")
    page.click("#up")
    page.heading("relu3_1")
    page.order("left")
    page.click("#filters a[href='#relu3_1.f004']")
    page.heading("relu3_1 filter 4")
    page.press("ARROW_RIGHT")  # the order of the layer as it was left
    page.heading("relu3_1 filter 3")


def test_a_name_is_found_and_a_wrong_one_said(page, filters):
    page.visit(filters)
    for text, heading in (("relu3_1 7", "relu3_1 filter 7"), ("2_1", "relu2_1"), ("8", "relu2_1 filter 8"),
                          ("relu3_1.f002", "relu3_1 filter 2"), ("one.relu2_1.f003", "relu2_1 filter 3")):  # fmt: skip
        page.click("#wanted")
        page.run("document.getElementById('wanted').value = ''")
        page.press(text, "ENTER")
        page.heading(heading)
    page.run("document.getElementById('wanted').value = 'relu9_9 1'")
    page.click("#search button")
    assert page.text("#said") == "There is no relu9_9 1 here."
    page.run("document.getElementById('wanted').value = 'relu2_1 3'")  # the page that is shown
    page.click("#search button")
    page.wait("document.getElementById('said').textContent === ''")
    page.click("#random")
    page.wait("/^#relu[23]_1.f00\\d$/.test(location.hash)")
    page.visit(filters, "nothing")
    page.wait("document.getElementById('said').textContent === 'There is no nothing here.'")
    page.heading("fig3")


def test_keys_alone_lead_in_and_back_to_where_one_was(page, filters):
    page.visit(filters, width=360, height=400)
    reached, outlines = [], set()
    for _ in range(7):
        page.press("TAB")
        reached.append(page.run("document.activeElement.textContent.trim() || document.activeElement.id"))
        outlines.add(page.run("getComputedStyle(document.activeElement).outlineStyle"))
    assert reached[:5] == ["Skip to the pictures", "fig3", "wanted", "Find", "Random filter"]
    assert [one.split()[0] for one in reached[5:]] == LAYERS
    assert outlines == {"solid"}
    page.press("ENTER")
    page.heading("relu3_1")
    page.wait("document.activeElement === document.querySelector('#page-layer h1')")
    page.run("document.querySelector('#filters a').focus()")
    page.press("ARROW_RIGHT", "ARROW_DOWN")
    chosen = page.run("document.activeElement.hash")
    columns = page.run(
        "[...document.querySelectorAll('#filters li')].filter((one, _, all) => one.offsetTop === all[0].offsetTop).length"
    )
    assert chosen == f"#relu3_1.f{1 + columns:03d}"
    scrolled = page.wait("window.scrollY")
    page.press("ENTER")
    page.heading(f"relu3_1 filter {1 + columns}")
    assert page.run("window.scrollY") == 0
    page.driver.back()
    page.wait("document.activeElement.hash === arguments[0]", chosen)
    page.wait("window.scrollY === arguments[0]", scrolled)


def test_a_page_that_is_loaded_again_stays_where_it_was(page, filters):
    page.visit(filters, "relu3_1", width=360, height=400)
    page.heading("relu3_1")
    page.scroll(300)
    page.wait("window.scrollY === 300")
    page.driver.refresh()
    page.heading("relu3_1")
    page.wait("window.scrollY === 300")
    page.run("document.querySelector('#filters a').focus({ preventScroll: true })")
    page.press("ENTER")
    page.heading("relu3_1 filter 0")
    page.driver.refresh()
    page.heading("relu3_1 filter 0")
    page.driver.back()
    page.heading("relu3_1")
    page.wait("window.scrollY === 300")


def test_a_layer_that_cannot_be_read_is_said_on_the_first_page(page, filters, tmp_path):
    folder = shutil.copytree(filters, tmp_path / "gallery")
    (folder / "data" / "relu3_1.js").unlink()
    page.visit(folder, "relu2_1")
    page.heading("relu2_1")
    page.run("(location.hash = '#relu3_1.f002')")
    page.wait("document.getElementById('said').textContent === 'data/relu3_1.js cannot be read'")
    page.heading("fig3")
    assert "relu3_1.js" in " ".join(page.complaints())
    page.driver.back()
    page.heading("relu2_1")
    page.wait("document.getElementById('said').textContent === ''")
    whole = (filters / "data" / "relu3_1.js").read_text(encoding="ascii")
    (folder / "data" / "relu3_1.js").write_text(whole[:500], encoding="ascii")  # it is there in part
    page.run("(location.hash = '#relu3_1')")
    page.wait("document.getElementById('said').textContent === 'data/relu3_1.js cannot be read'")
    page.heading("fig3")
    (folder / "data" / "relu3_1.js").write_text(whole, encoding="ascii")
    page.click(".network a[href='#relu3_1']")  # the same address
    page.heading("relu3_1")
    page.wait("document.getElementById('said').textContent === ''")
    assert "SyntaxError" in " ".join(page.complaints())


@pytest.mark.parametrize("kept", ["5", '"abc"', "{", "null", '{"1": "x"}'])
def test_what_others_keep_in_the_tab_does_no_harm(page, filters, kept):
    before = f"sessionStorage.setItem(`positions of ${{location.pathname}}`, {json.dumps(kept)})"
    source = {"source": f"try {{ {before} }} catch (_) {{}}"}  # about:blank has no such store
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    page.visit(filters, "relu3_1")
    page.heading("relu3_1")
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("kind", ["filters", "transfer"])
def test_every_control_and_picture_has_a_name(page, kind, request):
    folder = request.getfixturevalue(kind)
    for name in ("", "relu3_1", "relu3_1.f004") if kind == "filters" else ("", "one.ink.pmci"):
        page.visit(folder, name)
        page.wait("!document.querySelector('main > section:not([hidden])')?.matches('#page-start') || !arguments[0]", name)
        found = [one for one in page.all("a, button, input, select, [role=img], [role=region]") if one.is_displayed()]
        assert len(found) > 5
        assert [one.get_attribute("outerHTML") for one in found if not one.accessible_name] == []
        assert page.run("[...document.images].every((one) => one.hasAttribute('alt') && one.hasAttribute('width'))")
        assert page.run("document.querySelectorAll('main > section:not([hidden]) h1').length") == 1
    assert page.all("#wanted")[0].accessible_name == ("Layer and filter" if kind == "filters" else "Picture")
    assert len(page.all("[aria-live=polite]")) >= 1
    assert page.run("document.documentElement.lang") == "en"


def test_numbers_beside_long_names_fit_a_small_window(page, tmp_path):
    page.visit(made(filters_run(tmp_path / "run", [f"{name}_{'long' * 12}" for name in IMAGES])), "relu3_1.f004", 360)
    page.heading("relu3_1 filter 4")
    assert page.run("document.getElementById('numbers').getBoundingClientRect().right") <= 360


@pytest.mark.parametrize("kind", ["filters", "transfer"])
@pytest.mark.parametrize("width", [360, 1920])
def test_a_page_is_as_wide_as_its_window_in_light_and_dark(page, width, kind, request):
    folder = request.getfixturevalue(kind)
    for name in ("", "relu3_1", "relu3_1.f004") if kind == "filters" else ("", "one.ink.pmci"):
        page.visit(folder, name, width)
        page.wait("document.title && !arguments[0] || document.title.startsWith(arguments[0].split('.f')[0])", name)
        assert page.run("document.documentElement.scrollWidth") <= width
    lightness = []
    for dark in (False, True):
        page.visit(folder, "", width, dark)
        colour = page.wait("getComputedStyle(document.body).backgroundColor.match(/^rgb\\((\\d+), (\\d+), (\\d+)\\)$/)")
        lightness.append(sum(map(int, colour[1:])))
    assert lightness[0] > 700
    assert lightness[1] < 100


def test_cells_by_row_and_column_have_a_page_each(page, transfer):
    page.visit(transfer)
    assert page.texts(".figure thead th") == ["style", "Gatys", "PMCI", "Gatys", "PMCI"]
    assert page.texts(".figure tbody th") == ["A"]
    page.wait("[...document.querySelectorAll('.figure .small')].every((one) => one.style.backgroundImage)")
    page.click("[data-cell='two.ink.gatys']")
    page.heading("two.ink.gatys")
    assert """--set 'styles=["ink"]'""" in page.text("#again")
    page.press("ARROW_RIGHT")
    page.heading("two.ink.pmci")
    page.driver.back()
    page.driver.back()
    page.heading("fig5")
    page.click("[data-cell='ink.style']")
    page.heading("ink.style")
    assert (page.texts("#pictures figcaption"), page.texts("#page-cell h2")) == (["ink"], [])
    page.click("#wanted")
    page.press("one.ink.g", "ENTER")
    page.heading("one.ink.gatys")


@pytest.mark.parametrize("write", [filters_run, transfer_run])
def test_a_hostile_name_is_shown_as_text(page, write, tmp_path):
    folder = made(write(tmp_path / "run", [HOSTILE, "two"]))
    page.visit(folder)
    scripts = {"gallery.js", "data.js", "relu2_1.js", "relu3_1.js"}
    if write is filters_run:
        assert HOSTILE in page.text("#page-start > p:first-of-type")
        page.click(".network a")
        page.heading(LAYERS[0])
        assert HOSTILE in page.texts("#view label")
        page.click("#filters a")
        page.heading("relu2_1 filter 0")
        assert page.texts("#pictures figcaption")[0] == f"from {HOSTILE}"
    else:
        page.click(".figure td:nth-of-type(2) a")
        page.heading(f"{HOSTILE}.ink.gatys")
    assert page.run("document.querySelectorAll('img[src=x], [onerror]').length") == 0
    loaded = page.run("[...document.scripts].map((one) => one.src.split('/').pop())")
    assert set(loaded) <= scripts


def test_what_is_lacking_is_said_in_its_place(page, tmp_path):
    lacking = ["one.relu2_1.f001", "one.relu3_1.f002"]
    folder = filters_run(tmp_path / "run", failed=lacking)
    (folder / "cells" / "two.relu2_1.f002.png").unlink()
    page.visit(made(folder), "relu2_1")
    page.heading("relu2_1")
    assert page.texts("#filters .lacking") == ["failed", "missing"]
    assert page.all("#filters a")[1].accessible_name == "filter 1, one failed: it exploded"
    page.click("#filters a[href='#relu2_1.f001']")
    page.heading("relu2_1 filter 1")
    assert page.texts("#pictures figcaption") == ["from one, failed: it exploded", "from two"]
    shown = set()  # as neighbours, by the picture that there is
    for one in (f"{layer}.f00{l}" for layer in LAYERS for l in range(FILTERS)):
        page.run("(location.hash = arguments[0])", one)
        page.heading(one.replace(".f00", " filter "))
        for name in lacking:
            layer = name.split(".")[1]
            for kind in ("near", "far"):
                for found in page.all(f"#{kind} [href='#{name[4:]}'] .small"):
                    page.run("arguments[0].scrollIntoView()", found)
                    page.wait("arguments[0].style.backgroundImage === arguments[1]", found, f'url("sheets/{layer}.1.jpg")')
                    shown.add((layer, kind))
    assert shown == {(layer, kind) for layer in LAYERS for kind in ("near", "far")}


def test_nothing_but_files_is_asked_for(page, filters):
    page.visit(filters, "relu3_1.f004")
    page.heading("relu3_1 filter 4")
    said = [json.loads(one["message"])["message"] for one in page.driver.get_log("performance")]
    sent = [one["params"] for one in said if one["method"] == "Network.requestWillBeSent"]
    of_page = {one["request"]["url"] for one in sent if one["documentURL"].startswith(f"{filters.as_uri()}/")}
    assert f"{filters.as_uri()}/data/relu3_1.js" in of_page
    assert {one for one in of_page if not one.startswith(f"{filters.as_uri()}/")} == set()
