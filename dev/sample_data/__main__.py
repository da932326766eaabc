"""`python -m dev.sample_data`: land the demo's source table, or one more step into the existing table."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date

from google.api_core.exceptions import GoogleAPIError

from dev import emulator
from dev.sample_data.market import Market
from dev.sample_data.scenario import Scenario
from dev.sample_data.source import SOURCE_TABLE, Restatement, SampleSource

LAST_WEEK = date(2026, 11, 8)
"""The newest week of a table that is landed anew."""

EXAMPLES = """
examples:
  python -m dev.sample_data --weeks 6 --last-week 2026-11-08
  python -m dev.sample_data weeks --weeks 1 --queries 30000 --rows-per-week 1000000 --churn-percent 0
  python -m dev.sample_data restate --percent 10
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev.sample_data",
        description="Fill the BigQuery emulator with Search Query Performance figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "step",
        nargs="?",
        default="scenario",
        choices=["scenario", *STEPS],
        help="scenario (default) and weeks start with an empty table; the others change --last-week of the table",
    )
    size = Market()
    parser.add_argument("--table", default=SOURCE_TABLE)
    parser.add_argument("--last-week", type=date.fromisoformat, help="its Sunday; default: the newest that has landed")
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--asins", type=int, default=size.asins)
    parser.add_argument("--queries", type=int, default=size.queries)
    parser.add_argument("--rows-per-week", type=int, default=size.rows_per_week)
    parser.add_argument("--churn-percent", type=int, default=size.churn_percent, help="rows missing each week")
    parser.add_argument("--malformed", type=int, default=1, help="rows of each kind in each week; 0 for none")
    parser.add_argument("--late-asins", type=int, default=0, help="ASINs that weeks leaves out and late lands")
    parser.add_argument("--percent", type=int, default=5, help="share of the rows that reland or restate touch")
    parser.add_argument("--hours", type=int, default=24, help="how much later reland lands them")
    return parser


def land(source: SampleSource, arguments: argparse.Namespace) -> None:
    """Run the requested step and print what it landed."""
    market = Market(arguments.asins, arguments.queries, arguments.rows_per_week, arguments.churn_percent)
    lands_anew = arguments.step in ("scenario", "weeks")
    last_week = arguments.last_week or (LAST_WEEK if lands_anew else source.newest_week())
    scenario = Scenario(market, last_week, arguments.weeks, arguments.malformed)
    if arguments.step == "scenario":
        for line in scenario.land(source):
            print(f"  {line}", flush=True)
    else:
        print(f"  {arguments.step}: {STEPS[arguments.step](source, scenario, arguments)}")


def _weeks(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> int:
    source.create()
    first_week = scenario.week(scenario.weeks - 1)
    return source.land_weeks(scenario.market, first_week, scenario.weeks, late_asins=arguments.late_asins)


def _late(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> int:
    return source.land_late(scenario.market, scenario.last_week, late_asins=arguments.late_asins)


def _restate(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> Restatement:
    return source.restate(scenario.last_week, changed_percent=arguments.percent)


def _reland(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> int:
    return source.reland(scenario.last_week, percent=arguments.percent, hours=arguments.hours)


def _spellings(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> int:
    return source.land_spellings(scenario.last_week)


def _unusual(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> int:
    return source.land_unusual(scenario.last_week)


def _malformed(source: SampleSource, scenario: Scenario, arguments: argparse.Namespace) -> dict[str, int]:
    return source.land_malformed(scenario.last_week, scenario.malformed)


Step = Callable[[SampleSource, Scenario, argparse.Namespace], object]
STEPS: dict[str, Step] = {
    "weeks": _weeks,
    "late": _late,
    "restate": _restate,
    "reland": _reland,
    "spellings": _spellings,
    "unusual": _unusual,
    "malformed": _malformed,
}


def main() -> int:
    """Land what the arguments say. Return 0, or 1 after printing the error."""
    arguments = _parser().parse_args()
    began = time.monotonic()
    print(f"Sample data into {arguments.table}", flush=True)
    try:
        land(SampleSource(emulator.client(), arguments.table), arguments)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except GoogleAPIError as error:
        print(f"The emulator refused: {error}\nIs it running? 'make services' starts it.", file=sys.stderr)
        return 1
    print(f"  done in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
