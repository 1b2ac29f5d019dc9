"""Reproducing the paper: every step whole, resumed, traceable, beside paper and baselines."""

from __future__ import annotations

import csv
import json
import logging
import warnings
from html.parser import HTMLParser
from shutil import copytree

import pytest
from tiny_paper import write_preset
from typer.testing import CliRunner

from reproduction.cli import app
from reproduction.marks import marks
from reproduction.paper import comparison, readme_table, steps
from reproduction.paper.presets import read_preset
from reproduction.paper.published import MEAN_ERROR
from reproduction.paper.run import PaperSettings, paper_steps, study_paper

STEPS = [
    "materials",
    "pretraining",
    "latent",
    "stiffness",
    "parameters",
    "heads",
    "loads",
    "contrast",
    "cost",
]
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


def noting(titles):
    """Note the titles of steps, which are reported without a number of steps within."""
    return lambda stage, done, total, note="": None if total else titles.append(stage)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    path = write_preset(folder)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = PaperSettings(str(path), read_preset(str(path)))
        begun = []
        report = study_paper(settings, folder / "out", noting(begun))
    return settings, folder / "out", report, begun


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_step_is_taken_in_order(finished):
    settings, folder, _, begun = finished
    known = paper_steps(settings.preset)
    assert [step.name for step in known] == STEPS
    assert begun == [step.title for step in known]
    for name in STEPS:
        about = steps.finished(folder, name)
        assert about is not None
        assert about["seconds"] >= 0
        listed = {*about["tables"], *about["pictures"], steps.DONE}
        assert {file.name for file in (folder / "results" / name).iterdir()} == listed


def test_the_report_holds_all_pictures_and_needs_nothing_else(finished):
    _, folder, report, _ = finished
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    text = report.read_text()
    Reader().feed(text)
    pictures = [about["src"] for tag, about in found if tag == "img"]
    assert len(pictures) == len(list(folder.glob("results/*/*.png"))) > 6
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    links = [about["href"] for tag, about in found if tag == "a"]
    assert links
    assert all((folder / "results" / link).is_file() for link in links)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in found}
    assert "python -m reproduction paper --preset" in text


def test_numbers_of_the_comparison_stand_in_its_sources(finished):
    _, folder, *_ = finished
    rows = read(folder / "results" / comparison.COMPARISON)
    assert {row["where"] for row in rows} == {
        "Fig. 4",
        "Fig. 5",
        "Fig. 7",
        "Fig. 9",
        "Table 2",
    }
    for row in rows:
        cells = {
            value for line in read(folder / "results" / row["source"]) for value in line.values()
        }
        assert row["ours"] in cells
        assert not row["baseline"] or row["baseline"] in cells
    named = {(row["what"], row["case"]): row for row in rows}
    for name, value in MEAN_ERROR.values.items():
        row = named["mean error in stress, predicted, worst network", name]
        assert float(row["paper"]) == pytest.approx(100 * value)
        table = read(folder / "results" / "loads" / "table2.csv")
        mine = {r["estimate"]: float(r["worst mean"]) for r in table if r["polycrystal"] == name}
        assert float(row["ours"]) == mine["predicted"]
        others = {k: v for k, v in mine.items() if k not in ("predicted", "inferred from [CLS]")}
        assert float(row["baseline"]) == min(others.values())
        assert others[row["best baseline"]] == min(others.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99, "0.99"),
        (0.9912, "0.991"),
        (0.99996, "0.99996"),
        (1.0, "1"),
        (1.264, "1.26"),
        (0, "0"),
    ],
)
def test_numbers_near_one_keep_what_tells_them_from_one(value, text):
    assert comparison.digits(value, 3) == text


def test_table_2_is_of_loading_and_unloading(finished):
    _, folder, *_ = finished
    errors = read(folder / "results" / "loads" / "errors.csv")
    mine = [
        row
        for row in errors
        if (row["estimate"], row["polycrystal"], row["load"]) == ("predicted", "S1", "unloading")
    ]
    assert len(mine) == 2
    table = read(folder / "results" / "loads" / "table2.csv")
    row = next(r for r in table if (r["estimate"], r["polycrystal"]) == ("predicted", "S1"))
    means = [float(r["mean"]) for r in mine]
    assert float(row["mean"]) == pytest.approx(sum(means) / 2)
    assert float(row["worst mean"]) == max(means)
    assert float(row["worst largest"]) == max(float(r["maximum"]) for r in mine)
    kinds = {r["estimate"] for r in table}
    assert {"Taylor", "untrained", "predicted", "inferred from [CLS]"} <= kinds


def test_the_material_is_the_papers(finished):
    _, folder, *_ = finished
    rows = read(folder / "results" / "materials" / "constants.csv")
    assert len(rows) == 17
    for row in rows:
        assert float(row["ours"]) == pytest.approx(float(row["paper"]))


def test_a_finished_step_is_not_taken_again_and_a_damaged_one_is(finished, tmp_path):
    settings, folder, *_ = finished
    copy = copytree(folder, tmp_path / "copy")
    begun = []
    study_paper(settings, copy, noting(begun))
    assert not begun
    (copy / "results" / "materials" / "constants.csv").unlink()
    (copy / "results" / "heads" / "step.json").write_text("{")
    study_paper(settings, copy, noting(begun))
    assert begun == ["Tables 1 and 3: the material", "Heads that predict networks"]


def test_time_of_killed_attempts_counts(finished, tmp_path):
    settings, *_ = finished

    def stop(place):
        place.progress("half", 1, 2)
        raise KeyboardInterrupt

    def go_on(place):
        place.progress("half", 2, 2)

    with pytest.raises(KeyboardInterrupt):
        steps.take(steps.Step("slow", "Slow", stop), settings.preset, tmp_path, lambda *_: None)
    spent = tmp_path / "work" / "slow-seconds.json"
    assert 0 < json.loads(spent.read_text())["seconds"] < 60
    spent.write_text('{"seconds": 1000}')
    about = steps.take(
        steps.Step("slow", "Slow", go_on), settings.preset, tmp_path, lambda *_: None
    )
    assert 1000 <= about["seconds"] < 1060


def test_another_preset_is_refused(finished):
    settings, folder, *_ = finished
    other = settings.preset.model_copy(update={"judged": 5})
    with pytest.raises(ValueError, match="`judged` is 4 there and 5 here"):
        study_paper(PaperSettings("tiny", other), folder)


def test_unknown_steps_are_refused(finished):
    settings, *_ = finished
    with pytest.raises(ValueError, match=r"must name steps of materials, .*but names 'fig5'"):
        PaperSettings("tiny", settings.preset, ["fig5"])


def test_the_table_goes_between_its_marks(finished, tmp_path):
    _, folder, *_ = finished
    results = folder / "results"
    document = tmp_path / "README.md"
    begin, end = marks("results")
    document.write_text(f"before\n{begin}\nSTALE\n{end}\nafter\n")
    runner = CliRunner()
    asked = ["table", str(results), "--into", str(document)]
    refused = runner.invoke(app, [*asked, "--check"])
    assert refused.exit_code == 2
    assert "must hold the table" in refused.output
    assert runner.invoke(app, asked).exit_code == 0
    text = document.read_text()
    assert text.startswith("before\n<!--")
    assert text.endswith("-->\nafter\n")
    assert "STALE" not in text
    what = "mean error in stress, predicted, worst network; S1 / S2 / W1 / W2"
    assert f"| Table 2 | {what} | 1.26 / 3.93 / 0.81 / 0.69 % |" in text
    assert runner.invoke(app, [*asked, "--check"]).exit_code == 0
    document.write_text(text.replace("1.26 /", "1.25 /"))
    assert runner.invoke(app, [*asked, "--check"]).exit_code == 2


@pytest.mark.parametrize("text", ["none", "<!-- results: end --><!-- results: begin -->"])
def test_a_document_without_marks_is_refused(finished, tmp_path, text):
    _, folder, *_ = finished
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(ValueError, match="must hold '<!-- results: begin -->' and then"):
        readme_table.put_table(folder / "results", tmp_path / "README.md")
    with pytest.raises(FileNotFoundError, match=r"must hold the comparison\.csv"):
        readme_table.results_table(tmp_path)


def test_the_command_line_names_the_report(finished, monkeypatch):
    settings, folder, *_ = finished
    result = CliRunner().invoke(app, ["paper", "--preset", settings.name, "--out", str(folder)])
    assert result.exit_code == 0, result.output
    assert "report.html" in result.output
