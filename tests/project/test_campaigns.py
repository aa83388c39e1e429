"""The figures of campaigns are those of their records."""
import json
from pathlib import Path

from campaigns.conftest import RECORDS, Campaign, to_markdown

ROOT = Path(__file__).parents[2]


def test_the_table_is_that_of_the_records():
    records = [json.loads(path.read_text("utf-8"))
               for path in sorted(RECORDS.glob("*.json"))]
    assert records and not any(record["failures"] for record in records)
    assert (RECORDS / "table.md").read_text("utf-8") == to_markdown(records)


def test_every_campaign_has_the_record_of_a_long_run():
    for path in (ROOT / "tests" / "campaigns").glob("test_*.py"):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("def test_") and "campaign" in line:
                name = line.removeprefix("def test_").split("(")[0]
                assert (RECORDS / f"{name}.json").exists(), name


def test_a_try_can_be_repeated_and_a_failure_shows(capsys):
    def drawn(campaign):
        return [campaign.rng.random() for _ in campaign.tries(3, 5)]

    first, again, other = (Campaign("x", "", seed, False)
                           for seed in (1, 1, 2))
    assert drawn(first) == drawn(again) != drawn(other)
    assert "campaign x, seed 1, tries 3, failures 0" in capsys.readouterr().out
    failing = Campaign("x", "", 1, False)
    try:
        for n in failing.tries(3, 5):
            if n == 1:
                failing.failed("the second")
    except AssertionError as error:
        assert "the second" in str(error)
    else:
        raise AssertionError("a failure was not shown")
